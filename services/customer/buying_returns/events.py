"""The events of other domains that returns of purchases react to; refunds are in `buying_orders/events.py`."""

from __future__ import annotations

from libs.chassis.event_types import (
    DoorUsed,
    ReturnContactRecorded,
    WorkOrderStateChanged,
    WorkOrderStateChangedOrder,
)
from libs.chassis.events import Event
from libs.chassis.money import Money
from services.customer.buying_returns import checks, lifecycle
from services.customer.buying_returns.checks import ProductCheck
from services.customer.buying_returns.rules import ID_PREFIX
from services.customer.lifecycle_events import apply_to_each_order
from services.customer.registry import registry


@registry.handles("locker.door.used.v1")
def apply_door_use_to_buying_return(event: Event[DoorUsed]) -> None:
    if event.data["order_id"].startswith(ID_PREFIX) and event.data["purpose"] == "deposit":
        lifecycle.apply_event(event.data["order_id"], "put_in_box")


@registry.handles("admin.work_order.state_changed.v1")
def apply_work_to_buying_returns(event: Event[WorkOrderStateChanged]) -> None:
    data = event.data

    def apply(order: WorkOrderStateChangedOrder) -> None:
        if data["kind"] == "collecting":
            lifecycle.apply_event(order["order_id"], "collect")
        elif data["kind"] == "checking" and data["result"] is not None:
            results = {
                product["product_id"]: ProductCheck(product["result"], product["reason"])
                for product in order["products"]
            }
            checks.record_check(order["order_id"], data["result"], results)

    if data["state"] == "done":
        apply_to_each_order(event, ID_PREFIX, apply)


@registry.handles("admin.return_contact.recorded.v1")
def decide_refund(event: Event[ReturnContactRecorded]) -> None:
    checks.decide_refund(event.data["return_id"], Money.from_dict(event.data["refund"]))
