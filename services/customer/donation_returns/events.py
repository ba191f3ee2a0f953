"""The events of other domains that returns of donations react to."""

from __future__ import annotations

from libs.chassis.event_types import DoorUsed, FeePaid, WorkOrderStateChanged
from libs.chassis.events import Event
from services.customer.donation_returns import lifecycle
from services.customer.donation_returns.rules import ID_PREFIX
from services.customer.lifecycle_events import apply_to_each_order
from services.customer.registry import registry


@registry.handles("billing.fee.paid.v1")
def mark_return_paid(event: Event[FeePaid]) -> None:
    if event.data["kind"] == "delivery":
        lifecycle.apply_event(event.data["order_id"], "pay")


DOOR_TRANSITIONS = {"ship": "put_in_box", "pick_up": "take_out"}


@registry.handles("locker.door.used.v1")
def apply_door_use_to_donation_return(event: Event[DoorUsed]) -> None:
    return_id, transition = event.data["order_id"], DOOR_TRANSITIONS.get(event.data["purpose"])
    if return_id.startswith(ID_PREFIX) and transition is not None:
        lifecycle.apply_event(return_id, transition)


WORK_TRANSITIONS = {
    **{("packing", state): "pack" for state in ("assigned", "in_progress", "done")},
    **{("shipping", state): "ship" for state in ("in_progress", "done")},
}


@registry.handles("admin.work_order.state_changed.v1")
def apply_work_to_donation_returns(event: Event[WorkOrderStateChanged]) -> None:
    transition = WORK_TRANSITIONS.get((event.data["kind"], event.data["state"]))
    if transition is not None:
        apply_to_each_order(event, ID_PREFIX, lambda order: lifecycle.apply_event(order["order_id"], transition))
