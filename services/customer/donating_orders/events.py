"""The events of other domains that donating orders react to."""

from __future__ import annotations

from libs.chassis.event_types import (
    DoorUsed,
    HandoverRecorded,
    ProductPublished,
    ProductSold,
    WorkOrderStateChanged,
    WorkOrderStateChangedOrder,
)
from libs.chassis.events import Event
from services.customer.buying_returns.lifecycle import is_sold_for_good
from services.customer.donating_orders import lifecycle, sales
from services.customer.donating_orders.rules import ID_PREFIX
from services.customer.lifecycle_events import apply_to_each_order
from services.customer.registry import registry

DOOR_TRANSITIONS = {"deposit": "deposit", "withdraw": "withdraw"}


@registry.handles("locker.door.used.v1")
def apply_door_use_to_donating_order(event: Event[DoorUsed]) -> None:
    order_id, transition = event.data["order_id"], DOOR_TRANSITIONS.get(event.data["purpose"])
    if order_id.startswith(ID_PREFIX) and transition is not None:
        lifecycle.apply_event(order_id, transition)


@registry.handles("admin.work_order.state_changed.v1")
def apply_work_to_donating_orders(event: Event[WorkOrderStateChanged]) -> None:
    data = event.data

    def apply(order: WorkOrderStateChangedOrder) -> None:
        if data["kind"] == "collecting":
            lifecycle.apply_event(order["order_id"], "collect")
        elif data["kind"] == "checking" and data["result"] is not None:
            lifecycle.record_check(order["order_id"], data["result"])

    if data["state"] == "done":
        apply_to_each_order(event, ID_PREFIX, apply)


@registry.handles("admin.handover.recorded.v1")
def recycle_donations(event: Event[HandoverRecorded]) -> None:
    for order_id in event.data["order_ids"]:
        if order_id.startswith(ID_PREFIX):
            lifecycle.apply_event(order_id, "recycle")


@registry.handles("shopping.product.published.v1")
def list_donation(event: Event[ProductPublished]) -> None:
    donation = event.data["donation"]
    if donation is not None:
        sales.record_listing(donation["order_id"], donation["item_id"], event.data["product_id"])


@registry.handles("shopping.product.sold.v1")
def mark_item_sold(event: Event[ProductSold]) -> None:
    donation = event.data["donation"]
    if donation is not None:
        product_id = event.data["product_id"]
        is_final = is_sold_for_good(event.data["buying_order_id"], product_id)
        sales.record_sale(donation["order_id"], donation["item_id"], product_id, is_sold_for_good=is_final)
