"""Stop the work on orders that were cancelled: they are removed from their work orders."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict
from services.admin.work import assignment, progress, work_orders
from services.admin.work.publishers import publish_stop
from services.admin.work.rules import UNFINISHED_STATES, is_in_transit
from services.admin.work.tables import StoppedOrder

# By the reason of the cancellation of a buying order, which is null when its buyer cancelled it.
REASONS: dict[str | None, str] = {
    None: "the buyer cancelled the order",
    "not_picked_up": "nobody picked the order up",
    "force_cancelled": "a manager cancelled the order",
}


class ShippingBegan(Conflict):
    slug, title = "shipping-began", "The package is in transit already"


def stop_for_buyer(order_id: str) -> None:
    """Stop the packing and shipping of a buying order that its buyer cancels (story rb-c-01); ShippingBegan.

    Idempotent. The stop is published as well, so that the cancellation is completed after a failure.
    """
    if is_stopped(order_id):
        return
    work_orders.lock_by_order("packing", order_id)  # so that no shipping order is created meanwhile
    shipping = work_orders.lock_by_order("shipping", order_id)
    if shipping is not None and is_in_transit(shipping):
        raise ShippingBegan("the package left the warehouse; it can be returned after the pick-up")
    publish_stop(stop_buying_order(order_id))


def stop_buying_order(order_id: str, cancel_reason: str | None = None) -> StoppedOrder:
    """Stop the packing and shipping of a cancelled buying order, wherever its package is."""
    return stop(order_id, ["packing", "shipping"], REASONS[cancel_reason])


def stop(order_id: str, kinds: Sequence[str], reason: str) -> StoppedOrder:
    """Remove an order from its work orders of these kinds, unless it was collected already."""
    stopped = find(order_id)
    if stopped is None:
        stopped = StoppedOrder(id=order_id, stopped_at=clock.now())
        session().add(stopped)
    for kind in kinds:
        remove(order_id, kind, reason, unless_collected=kind == "collecting")
    return stopped


def is_stopped(order_id: str) -> bool:
    return find(order_id) is not None


def find(order_id: str) -> StoppedOrder | None:
    return session().get(StoppedOrder, order_id)


def remove(order_id: str, kind: str, reason: str, *, unless_collected: bool = False) -> None:
    """Remove an order from its work order, which fails when no other one is left in it."""
    work_order = work_orders.lock_by_order(kind, order_id)
    if work_order is None or work_order.state == "done":
        return
    order = work_order.get_order(order_id)
    was_collected = order.box_emptied_at is not None or order.scanned_at is not None
    if order.removed_at is not None or (unless_collected and was_collected):
        return
    order.removed_at = work_order.changed_at = clock.now()
    session().flush()
    if work_order.remaining_orders:
        progress.complete_if_collected(work_order)
    elif work_order.state in UNFINISHED_STATES:
        work_orders.transition(work_order, "failed", reason=reason)


def restore(order_id: str, kind: str) -> None:
    """Put a removed order back into its failed work order, and assign that."""
    work_order = work_orders.lock_by_order(kind, order_id)
    if work_order is None or work_order.state != "failed":
        return
    work_order.get_order(order_id).removed_at = None
    work_orders.reopen(work_order)
    assignment.assign_open()
