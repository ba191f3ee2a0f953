"""What this service asks of shopping and locker when an order is placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.chassis.money import Money
from libs.chassis.peers import PeerProblem, peer
from libs.chassis.problems import Conflict, Unprocessable
from services.customer.buying_orders import HeldItem, PickupLocation


class ProductUnavailable(Conflict):
    slug, title = "product-unavailable", "A product is no longer available"


class UnknownLocation(Unprocessable):
    slug, title = "unknown-location", "There is no such drop-off location"


@dataclass(frozen=True)
class Hold:
    """Products held for an order until a time."""

    items: tuple[HeldItem, ...]
    until: datetime


def pickup_location(location_id: str) -> PickupLocation:
    """The location by its id; UnknownLocation, or PeerUnavailable while locker is away."""
    try:
        document = peer("locker").get(f"/locker/v1/locations/{location_id}").json()
    except PeerProblem as problem:
        if problem.status != 404:
            raise
        error = {"pointer": "/pickup_location_id", "detail": "there is no such location"}
        raise UnknownLocation("choose one from the list of locations", errors=[error]) from None
    return PickupLocation(document["id"], document["name"])


def hold_products(order_id: str, buyer_id: str, product_ids: Sequence[str]) -> Hold:
    """Hold all products or none; ProductUnavailable names those that are gone."""
    wanted = {"order_id": order_id, "buyer_id": buyer_id, "product_ids": list(product_ids)}
    try:
        document = peer("shopping").post("/shopping/v1/holds", json=wanted, repeatable=True).json()
    except PeerProblem as problem:
        if problem.status != 409:
            raise
        gone = problem.document.get("unavailable_product_ids", [])
        raise ProductUnavailable(problem.detail, unavailable_product_ids=gone) from None
    items = tuple(
        HeldItem(item["product_id"], item["title"], Money.from_dict(item["price"])) for item in document["items"]
    )
    return Hold(items, datetime.fromisoformat(document["until"]))
