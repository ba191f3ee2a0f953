"""The products that were made from a donation: on sale, sold, and on sale again (stories d-po-09, d-po-10).

A donating order is listed with its first product on sale, and sold with its last one.
"""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.state_machine import EventTiming
from services.customer.donating_orders.lifecycle import apply_event, apply_transition
from services.customer.donating_orders.queries import donating_orders, lock_by_products
from services.customer.donating_orders.rules import LIFECYCLE
from services.customer.donating_orders.tables import DonatingOrder


def record_listing(order_id: str, item_id: str, product_id: str) -> None:
    """Record that the product of an item is on sale. LookupError when it is early."""
    order = apply_event(order_id, "list") or donating_orders.find(order_id, locked=True)
    if order is not None:
        _set_product(order, item_id, product_id)


def record_sale(order_id: str, item_id: str, product_id: str, *, is_sold_for_good: bool) -> None:
    """Record that the product of an item has a buyer. LookupError while the order is not listed.

    `is_sold_for_good`: the buyer has paid and did not return it.
    """
    order = donating_orders.find(order_id, locked=True)
    if order is None or LIFECYCLE.classify(order.state, "sell") is EventTiming.EARLY:
        raise LookupError(f"donating order {order_id} is not known to be listed yet")
    _set_product(order, item_id, product_id)
    if is_sold_for_good:
        _mark_items_sold(order, [product_id])


def mark_sold(product_ids: Sequence[str]) -> None:
    """Mark paid products as sold. A product that is not known yet follows with the event of shopping."""
    for order in lock_by_products(product_ids):
        _mark_items_sold(order, product_ids)


def _mark_items_sold(order: DonatingOrder, product_ids: Sequence[str]) -> None:
    for item in order.items:
        item.is_sold = item.is_sold or item.product_id in product_ids
    if order.state == "listed" and all(item.is_sold for item in order.items):
        apply_transition(order, "sell")


def undo_sale(product_ids: Sequence[str]) -> None:
    """Mark products as not sold: their order was cancelled, or they were returned in good condition."""
    for order in lock_by_products(product_ids):
        for item in order.items:
            item.is_sold = item.is_sold and item.product_id not in product_ids
        if order.state == "sold" and not all(item.is_sold for item in order.items):
            apply_transition(order, "undo_sale")


def _set_product(order: DonatingOrder, item_id: str, product_id: str) -> None:
    for item in order.items:
        if item.id == item_id:
            item.product_id = product_id
