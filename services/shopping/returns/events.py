"""Handles cancelled orders, returns and package checks."""

from __future__ import annotations

from libs.chassis.event_types import BuyingOrderStateChanged, BuyingReturnStateChanged, WorkOrderStateChanged
from libs.chassis.events import Event
from services.shopping.registry import registry
from services.shopping.returns import buyer_returns


@registry.handles("customer.buying_order.state_changed.v1")
def resell_cancelled_order(event: Event[BuyingOrderStateChanged]) -> None:
    data = event.data
    if data["state"] == "cancelled":
        buyer_returns.resell(data["order_id"], data["product_ids"])
        buyer_returns.end_sale(data["order_id"], data["missing_product_ids"], data["order_id"])


@registry.handles("customer.buying_return.state_changed.v1")
def apply_return(event: Event[BuyingReturnStateChanged]) -> None:
    data, state = event.data, event.data["state"]
    order_id, return_id = data["order_id"], data["return_id"]
    good, bad = (
        [item["product_id"] for item in data["items"] if item["result"] == result] for result in ("good", "bad")
    )
    if data["is_force_cancelled"]:
        others = [product_id for product_id in data["product_ids"] if product_id not in bad]
        buyer_returns.end_sale(order_id, others, return_id)
        buyer_returns.recycle_bad(order_id, bad)
    elif state in ("checked_good", "checked_bad", "refund_decided"):
        buyer_returns.end_sale(order_id, good, return_id)
        if state == "refund_decided":
            buyer_returns.recycle_sold(order_id, bad)


@registry.handles("admin.work_order.state_changed.v1")
def recycle_bad_package(event: Event[WorkOrderStateChanged]) -> None:
    """The package of a buying order is checked only when it comes back after a cancellation."""
    data = event.data
    if (data["kind"], data["state"], data["result"]) == ("checking", "done", "bad"):
        for order in data["orders"]:
            if order["order_id"].startswith("bor_"):
                buyer_returns.recycle_package(order["order_id"])
