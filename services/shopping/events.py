"""What shopping publishes, the events and messages it handles, and its periodic jobs."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.events import Event
from services.shopping import (
    announcements,
    anonymous_carts,
    cart,
    cart_store,
    holds,
    inventory,
    photo_conversion,
    photo_files,
    sold_products,
    tastes,
    term_conversion,
)
from services.shopping.cart_sender import CART_QUEUE
from services.shopping.registry import registry

__all__ = ["registry"]


@registry.handles("billing.payment.authorized.v1")
def decide_hold_after_payment(event: Event) -> None:
    holds.decide_after_payment(event.data["order_id"], event.data["buyer_id"])


@registry.handles("customer.buying_order.placed.v1")
def take_ordered_items_out_of_cart(event: Event) -> None:
    data = event.data
    placed_at = clock.parse_rfc3339(data["placed_at"])
    cart.remove_ordered(data["buyer_id"], data["order_id"], data["product_ids"], placed_at)


@registry.handles("customer.profile.changed.v1")
def remember_taste(event: Event) -> None:
    data = event.data
    body_sizes = {pair["name"]: pair["value"] for pair in data["body_sizes"]}
    preferences = {pair["name"]: pair["value"] for pair in data["preferences"]}
    tastes.remember(data["customer_id"], body_sizes, preferences, event.version)


@registry.handles("customer.buying_order.state_changed.v1")
def sell_again_what_was_cancelled(event: Event) -> None:
    data = event.data
    if data["state"] == "cancelled":  # what is not sold to this order is left alone
        sold_products.sell_again(data["order_id"], data["product_ids"])
        missing = data.get("missing_product_ids", [])  # older news has none
        sold_products.came_back(data["order_id"], missing, data["order_id"])


@registry.handles("customer.buying_return.state_changed.v1")
def follow_return(event: Event) -> None:
    data, state = event.data, event.data["state"]
    results = _results_of(data)
    good, bad = ([one for one, found in results.items() if found == result] for result in ("good", "bad"))
    if data.get("is_force_cancelled", False):  # older news has none
        there = [product_id for product_id in data["product_ids"] if product_id not in bad]
        sold_products.came_back(data["order_id"], there, data["return_id"])
        sold_products.found_bad(data["order_id"], bad)
    elif state in ("checked_good", "checked_bad", "refund_decided"):
        sold_products.came_back(data["order_id"], good, data["return_id"])
        if state == "refund_decided":
            sold_products.recycle(data["order_id"], bad)


WHOLE_RESULTS = {"checked_good": "good", "refund_decided": "bad"}


def _results_of(data: dict[str, Any]) -> dict[str, str | None]:
    """What the check of each product gave; older news has no items, and tells of the whole by its state."""
    if "items" in data:
        return {item["product_id"]: item["result"] for item in data["items"]}
    was_checked = not data.get("is_force_cancelled", False)
    return dict.fromkeys(data["product_ids"], WHOLE_RESULTS.get(data["state"]) if was_checked else None)


@registry.handles("admin.work_order.state_changed.v1")
def recycle_package_that_came_back_bad(event: Event) -> None:
    """A package of a buying order is checked only when it came back after its cancellation."""
    data = event.data
    if (data["kind"], data["state"], data["result"]) == ("checking", "done", "bad"):
        for order in data["orders"]:
            if order["order_id"].startswith("bor_"):
                sold_products.package_came_back_bad(order["order_id"])


@registry.consumes(CART_QUEUE)
def persist_carts(message: dict[str, Any]) -> None:
    cart_store.persist(message)


@registry.every(seconds=5)
def sweep_holds() -> None:
    holds.sweep()


@registry.every(seconds=5)
def publish_due_products() -> None:
    inventory.publish_due()


@registry.every(seconds=10)
def announce_left_over_changes() -> None:
    announcements.announce_left_over()


@registry.every(seconds=10)
def send_unsaved_carts() -> None:
    cart_store.send_unsaved()


@registry.every(seconds=2)
def tell_cache_of_carts_changed_without_it() -> None:
    cart_store.tell_cache()


@registry.every(seconds=2)
def convert_stored_photos() -> None:
    photo_conversion.convert_photos()


@registry.every(seconds=10)
def delete_photo_files() -> None:
    photo_files.delete_due()


@registry.every(seconds=30)
def refresh_search_terms() -> None:
    term_conversion.convert_terms()


@registry.every(seconds=600)
def forget_expired_anonymous_carts() -> None:
    anonymous_carts.forget_expired()
