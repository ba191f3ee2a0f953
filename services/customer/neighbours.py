"""What this service asks of shopping, locker and admin while a customer waits for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.deadlines import DEFAULT_TIME_ZONE
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, Unprocessable
from libs.chassis.service_client import ServiceProblem, peer
from services.customer.buying_orders import HeldItem, PickupLocation
from services.customer.donating_orders import BoxHold


class ProductUnavailable(Conflict):
    slug, title = "product-unavailable", "A product is no longer available"


class PriceChanged(Conflict):
    slug, title = "price-changed", "The products have another price now"


class UnknownLocation(Unprocessable):
    slug, title = "unknown-location", "There is no such drop-off location"


class LocationFull(Conflict):
    slug, title = "location-full", "The location has no free box"


class ProductSold(Conflict):
    slug, title = "product-sold", "A buyer has a product of this donation"


class ProductsRecycled(Conflict):
    slug, title = "products-recycled", "Nothing of this donation is left"


class PaymentUnderWay(Conflict):
    slug, title = "payment-in-progress", "The order is being paid at this moment"


class ShippingBegan(Conflict):
    slug, title = "shipping-began", "The package is on its way already"


@dataclass(frozen=True)
class Quote:
    """What products cost now; `gone` are those that nobody can order at the moment."""

    items: tuple[HeldItem, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """Products held for an order until a time."""

    items: tuple[HeldItem, ...]
    until: datetime


def pickup_location(location_id: str, pointer: str = "/pickup_location_id") -> PickupLocation:
    """The location by its id; UnknownLocation (at `pointer`), or ServiceUnavailable while locker is away."""
    try:
        document = peer("locker").get(f"/locker/v1/locations/{location_id}").json()
    except ServiceProblem as problem:
        if problem.status != 404:
            raise
        raise _unknown_location(pointer) from None
    return PickupLocation(document["id"], document["name"], document.get("time_zone", DEFAULT_TIME_ZONE))


def _unknown_location(pointer: str) -> UnknownLocation:
    error = {"pointer": pointer, "detail": "there is no such location"}
    return UnknownLocation("choose one from the list of locations", errors=[error])


def hold_products(order_id: str, buyer_id: str, product_ids: Sequence[str], expected_total: Money | None) -> Hold:
    """Hold all products or none; ProductUnavailable names those that are gone, PriceChanged the present total."""
    wanted: dict[str, Any] = {"order_id": order_id, "buyer_id": buyer_id, "product_ids": list(product_ids)}
    if expected_total is not None:
        wanted["expected_total"] = expected_total.to_dict()
    try:
        document = peer("shopping").post("/shopping/v1/holds", json=wanted, repeatable=True).json()
    except ServiceProblem as problem:
        if problem.status != 409:
            raise
        if problem.slug == "price-changed":
            raise PriceChanged(problem.detail, total=problem.document["total"]) from None
        gone = problem.document.get("unavailable_product_ids", [])
        raise ProductUnavailable(problem.detail, unavailable_product_ids=gone) from None
    return _hold_of(document)


def find_hold(order_id: str) -> Hold | None:
    """The active hold of an order; None when there is none, or it was decided. ServiceUnavailable."""
    try:
        document = peer("shopping").get(f"/shopping/v1/holds/{order_id}").json()
    except ServiceProblem as problem:
        if problem.status != 404:
            raise
        return None
    return _hold_of(document) if document["state"] == "active" else None


def _hold_of(document: dict[str, Any]) -> Hold:
    items = tuple(
        HeldItem(item["product_id"], item["title"], Money.from_dict(item["price"])) for item in document["items"]
    )
    return Hold(items, clock.parse_rfc3339(document["until"]))


def quote_products(product_ids: Sequence[str]) -> Quote:
    """The present titles and prices, without holding anything; ServiceUnavailable."""
    wanted = {"product_ids": list(product_ids)}
    document = peer("shopping").post("/shopping/v1/quotes", json=wanted, repeatable=True).json()
    items = (
        HeldItem(item["product_id"], item["title"], Money.from_dict(item["price"])) for item in document["items"]
    )
    return Quote(tuple(items), tuple(document["unavailable_product_ids"]))


def release_hold(order_id: str) -> None:
    """Give the products of an unpaid order back; PaymentUnderWay when shopping sold them, ServiceUnavailable."""
    try:
        peer("shopping").delete(f"/shopping/v1/holds/{order_id}")
    except ServiceProblem as problem:
        if problem.slug == "hold-sold":
            raise PaymentUnderWay("cancel it again in a moment, when it is paid") from None
        if problem.status != 404:
            raise


def stop_work(order_id: str) -> None:
    """Nobody packs or ships the order any more; ShippingBegan when it is too late, ServiceUnavailable."""
    try:
        peer("admin").post("/admin/v1/work-stops", json={"order_id": order_id}, repeatable=True)
    except ServiceProblem as problem:
        if problem.slug != "shipping-began":
            raise
        raise ShippingBegan("take it out of the box, then return it") from None


def hold_box(order_id: str, person_id: str, location_id: str) -> BoxHold:
    """A box at the location, held for a donation or a return; the same order again has the same box.

    UnknownLocation, LocationFull, or ServiceUnavailable while locker is away.
    """
    wanted = {"order_id": order_id, "person_id": person_id, "location_id": location_id, "purpose": "deposit"}
    try:
        document = peer("locker").post("/locker/v1/holds", json=wanted, repeatable=True).json()
    except ServiceProblem as problem:
        if problem.status == 404:
            raise _unknown_location("/location_id") from None
        if problem.slug == "location-full":
            raise LocationFull("choose another location, or try again later") from None
        raise
    return BoxHold(
        document["box_id"],
        document["box_label"],
        document["location_id"],
        document["location_name"],
        clock.parse_rfc3339(document["held_until"]),
    )


def claim_products(return_id: str, order_id: str) -> None:
    """Take the products of a donation off sale.

    ProductSold when a buyer has one, ProductsRecycled when nothing is left of it, ServiceUnavailable.
    """
    wanted = {"return_id": return_id, "donating_order_id": order_id}
    try:
        peer("shopping").post("/shopping/v1/return-claims", json=wanted, repeatable=True)
    except ServiceProblem as problem:
        for refused in (ProductSold, ProductsRecycled):
            if problem.slug == refused.slug:
                raise refused(problem.detail) from None
        raise


def release_products(return_id: str) -> None:
    """Put the products of a return that is given up back where they were; ServiceUnavailable."""
    peer("shopping").delete(f"/shopping/v1/return-claims/{return_id}")
