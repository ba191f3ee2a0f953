"""The events of other domains that buying orders react to."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import (
    DoorUsed,
    HoldReleased,
    PaymentCaptured,
    PaymentVoided,
    RefundCompleted,
    WorkOrderStateChanged,
    WorkOrderStateChangedOrder,
    WorkStopped,
)
from libs.chassis.events import Event
from libs.chassis.money import Money
from services.customer.buying_orders import lifecycle, refunds, work_orders
from services.customer.buying_orders.rules import ID_PREFIX
from services.customer.buying_orders.tables import OrderRefund, OrderWork
from services.customer.buying_returns import checks
from services.customer.lifecycle_events import apply_to_each_order
from services.customer.registry import registry


@registry.handles("billing.payment.captured.v1")
def mark_order_paid(event: Event[PaymentCaptured]) -> None:
    data = event.data
    captured_at = clock.parse_rfc3339(data["captured_at"])
    lifecycle.mark_paid(
        data["order_id"], data["payment_id"], captured_at, method=data["method"], coins=data["coins"]
    )


@registry.handles("billing.payment.voided.v1")
def cancel_unpaid_sale(event: Event[PaymentVoided]) -> None:
    """Cancel an order whose products were sold and whose payment could not be captured."""
    if event.data["reason_code"] == "sale_not_paid":
        lifecycle.end_without_hold(event.data["order_id"], is_cancelled=True)


@registry.handles("shopping.hold.released.v1")
def end_order_without_hold(event: Event[HoldReleased]) -> None:
    lifecycle.end_without_hold(event.data["order_id"], is_cancelled=event.data["reason"] == "cancelled")


DOOR_TRANSITIONS = {"ship": "put_in_box", "pick_up": "pick_up"}


@registry.handles("locker.door.used.v1")
def apply_door_use_to_buying_order(event: Event[DoorUsed]) -> None:
    order_id, transition = event.data["order_id"], DOOR_TRANSITIONS.get(event.data["purpose"])
    if order_id.startswith(ID_PREFIX) and transition is not None:
        lifecycle.apply_event(order_id, transition)


WORK_IN_PROGRESS = ("assigned", "in_progress")
WORK_TRANSITIONS = {
    **{("packing", state): ["begin_packing"] for state in WORK_IN_PROGRESS},
    ("packing", "done"): ["begin_packing", "finish_packing"],
    **{("shipping", state): ["ship"] for state in ("in_progress", "done")},
}


@registry.handles("admin.work_order.state_changed.v1")
def apply_work_to_buying_orders(event: Event[WorkOrderStateChanged]) -> None:
    data = event.data

    def apply(order: WorkOrderStateChangedOrder) -> None:
        work_orders.record(
            OrderWork(
                order_id=order["order_id"],
                work_order_id=data["work_order_id"],
                kind=data["kind"],
                state=data["state"],
                assignee_id=data["assignee_id"],
                tracking_code=order["tracking_code"],
                reason=data["reason"],
                changed_at=clock.parse_rfc3339(data["at"]),
            )
        )
        for transition in WORK_TRANSITIONS.get((data["kind"], data["state"]), ()):
            lifecycle.apply_event(order["order_id"], transition)

    apply_to_each_order(event, ID_PREFIX, apply)


@registry.handles("admin.work.stopped.v1")
def cancel_stopped_order(event: Event[WorkStopped]) -> None:
    """Cancel an order whose cancellation was interrupted after admin had stopped the work on it."""
    lifecycle.apply_event(event.data["order_id"], "cancel")


@registry.handles("billing.refund.completed.v1")
def record_refund(event: Event[RefundCompleted]) -> None:
    data = event.data
    amount = Money.from_dict(data["amount"])
    refunds.record(
        OrderRefund(
            id=data["refund_id"],
            order_id=data["order_id"],
            return_id=data["return_id"],
            payment_id=data["payment_id"],
            replaces=data["replaces"],
            method=data["method"],
            amount=amount.amount,
            currency=amount.currency,
            completed_at=clock.parse_rfc3339(data["completed_at"]),
        )
    )
    if data["return_id"] is not None:
        checks.complete_refunded_return(data["return_id"])
