"""Calls to locker, shopping and admin while a customer waits for the response.

Each raises ServiceUnavailable when the other service is unavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, Unprocessable
from libs.chassis.service_client import ServiceProblem, peer


class ProductUnavailable(Conflict):
    slug, title = "product-unavailable", "A product is no longer available"


class PriceChanged(Conflict):
    slug, title = "price-changed", "The price of the products has changed"


class UnknownLocation(Unprocessable):
    slug, title = "unknown-location", "The drop-off location does not exist"


class LocationFull(Conflict):
    slug, title = "location-full", "The location has no free box"


class ProductSold(Conflict):
    slug, title = "product-sold", "A product of this donation is sold or held for a buyer"


class ProductsRecycled(Conflict):
    slug, title = "products-recycled", "All products of this donation were recycled"


class PaymentInProgress(Conflict):
    slug, title = "payment-in-progress", "The order is being paid"


class ShippingBegan(Conflict):
    slug, title = "shipping-began", "The package is being shipped already"


@dataclass(frozen=True)
class Location:
    """A drop-off location; `time_zone` is its name in the tz database."""

    id: str
    name: str
    time_zone: str


@dataclass(frozen=True)
class BoxHold:
    """A box that locker holds for a deposit until a time."""

    box_id: str
    box_label: str
    location_id: str
    location_name: str
    until: datetime


@dataclass(frozen=True)
class HeldItem:
    """A product at its present price; the price of a held product does not change any more."""

    product_id: str
    title: str
    price: Money


@dataclass(frozen=True)
class ProductHold:
    """Products that shopping holds for an order until a time."""

    items: tuple[HeldItem, ...]
    until: datetime


@dataclass(frozen=True)
class Quote:
    """The present prices of products, and those that cannot be ordered at present."""

    items: tuple[HeldItem, ...]
    unavailable_product_ids: tuple[str, ...]


def get_location(location_id: str, *, pointer: str) -> Location:
    """The location with this id. UnknownLocation, which names the `pointer` of the request."""
    try:
        document = peer("locker").get(f"/locker/v1/locations/{location_id}").json()
    except ServiceProblem as problem:
        if problem.status != 404:
            raise
        raise _unknown_location(pointer) from None
    return Location(document["id"], document["name"], document["time_zone"])


def _unknown_location(pointer: str) -> UnknownLocation:
    error = {"pointer": pointer, "detail": "this location does not exist"}
    return UnknownLocation("choose one from the list of locations", errors=[error])


def hold_box(order_id: str, person_id: str, location_id: str) -> BoxHold:
    """Hold a box at the location for a deposit; idempotent for an order. UnknownLocation, LocationFull."""
    body = {"order_id": order_id, "person_id": person_id, "location_id": location_id, "purpose": "deposit"}
    try:
        document = peer("locker").post("/locker/v1/holds", json=body, repeatable=True).json()
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


def quote_products(product_ids: Sequence[str]) -> Quote:
    """The present titles and prices, without holding anything."""
    body = {"product_ids": list(product_ids)}
    document = peer("shopping").post("/shopping/v1/quotes", json=body, repeatable=True).json()
    return Quote(_parse_items(document), tuple(document["unavailable_product_ids"]))


def hold_products(
    order_id: str, buyer_id: str, product_ids: Sequence[str], expected_total: Money | None
) -> ProductHold:
    """Hold all products or none.

    ProductUnavailable lists the unavailable products, PriceChanged has the present total.
    """
    body: dict[str, Any] = {"order_id": order_id, "buyer_id": buyer_id, "product_ids": list(product_ids)}
    if expected_total is not None:
        body["expected_total"] = expected_total.to_dict()
    try:
        document = peer("shopping").post("/shopping/v1/holds", json=body, repeatable=True).json()
    except ServiceProblem as problem:
        if problem.status != 409:
            raise
        if problem.slug == "price-changed":
            raise PriceChanged(problem.detail, total=problem.document["total"]) from None
        unavailable = problem.document.get("unavailable_product_ids", [])
        raise ProductUnavailable(problem.detail, unavailable_product_ids=unavailable) from None
    return _parse_hold(document)


def find_hold(order_id: str) -> ProductHold | None:
    """The active hold of an order; None when there is none, or its products were sold or released."""
    try:
        document = peer("shopping").get(f"/shopping/v1/holds/{order_id}").json()
    except ServiceProblem as problem:
        if problem.status != 404:
            raise
        return None
    return _parse_hold(document) if document["state"] == "active" else None


def _parse_hold(document: dict[str, Any]) -> ProductHold:
    return ProductHold(_parse_items(document), clock.parse_rfc3339(document["until"]))


def _parse_items(document: dict[str, Any]) -> tuple[HeldItem, ...]:
    return tuple(
        HeldItem(item["product_id"], item["title"], Money.from_dict(item["price"])) for item in document["items"]
    )


def release_hold(order_id: str) -> None:
    """Release the products of an unpaid order. PaymentInProgress when shopping has sold them."""
    try:
        peer("shopping").delete(f"/shopping/v1/holds/{order_id}")
    except ServiceProblem as problem:
        if problem.slug == "hold-sold":
            raise PaymentInProgress("cancel it again in a moment, when it is paid") from None
        if problem.status != 404:
            raise


def stop_work(order_id: str) -> None:
    """Stop the packing and shipping of an order. ShippingBegan when it is too late."""
    try:
        peer("admin").post("/admin/v1/work-stops", json={"order_id": order_id}, repeatable=True)
    except ServiceProblem as problem:
        if problem.slug != "shipping-began":
            raise
        raise ShippingBegan("take it out of the box, then return it") from None


def claim_products(return_id: str, order_id: str) -> None:
    """Take the products of a donation off sale. ProductSold, ProductsRecycled."""
    body = {"return_id": return_id, "donating_order_id": order_id}
    try:
        peer("shopping").post("/shopping/v1/return-claims", json=body, repeatable=True)
    except ServiceProblem as problem:
        for refusal in (ProductSold, ProductsRecycled):
            if problem.slug == refusal.slug:
                raise refusal(problem.detail) from None
        raise


def release_products(return_id: str) -> None:
    """Put the products of a cancelled return of a donation on sale again."""
    peer("shopping").delete(f"/shopping/v1/return-claims/{return_id}")
