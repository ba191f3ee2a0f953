"""Carry work orders out: start, scan, finish and fail them.

A collected package is checked next, a packed one shipped.
"""

from __future__ import annotations

from libs.chassis import audit, clock
from services.admin.returns import returns
from services.admin.work import assignment, work_orders
from services.admin.work.rules import ACTIVE_STATES, is_collected, require_finishable
from services.admin.work.tables import IncludedOrder, WorkOrder


def start(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """Start an own work order before its first code is scanned."""
    work_order = work_orders.lock_own(kind, work_order_id, person_id)
    before = {"state": work_order.state}
    work_orders.transition(work_order, "in_progress")
    audit.record("start_work_order", work_order.id, before=before, after={"state": "in_progress"})
    return work_order


def finish(kind: str, work_order_id: str, person_id: str) -> WorkOrder:
    """Finish an own work order; IllegalTransition, CodesMissing."""
    work_order = work_orders.lock_own(kind, work_order_id, person_id)
    before = {"state": work_order.state}
    complete(work_order)
    audit.record("finish_work_order", work_order.id, before=before, after={"state": "done"})
    return work_order


def fail(kind: str, work_order_id: str, person_id: str, reason: str) -> WorkOrder:
    """Record that an own work order cannot be done, and why; a manager reassigns it."""
    work_order = work_orders.lock_own(kind, work_order_id, person_id)
    before = {"state": work_order.state}
    work_orders.transition(work_order, "failed", reason=reason)
    audit.record("fail_work_order", work_order.id, before=before, after={"state": "failed", "reason": reason})
    return work_order


def record_scan(work_order: WorkOrder, order: IncludedOrder) -> None:
    """Record a scan by the assignee: the first starts the work order, the last ends a collecting order."""
    order.scanned_at = clock.now()
    if work_order.state == "assigned":
        work_orders.transition(work_order, "in_progress")
    complete_if_collected(work_order)


def complete_if_collected(work_order: WorkOrder) -> None:
    if is_collected(work_order):
        complete(work_order)


def complete(work_order: WorkOrder) -> None:
    """End a work order as done and create the work that follows; IllegalTransition, CodesMissing."""
    require_finishable(work_order)
    work_orders.transition(work_order, "done")
    location = work_orders.find_location(work_order.location_id, work_order.location_name)
    for order in work_order.remaining_orders:
        following = IncludedOrder(order_id=order.order_id, donation_id=order.donation_id, contents=order.contents)
        if work_order.kind == "collecting":
            following.contents = returns.find_contents(order.order_id) or order.contents
            assignment.create_assigned("checking", [following], location)
        elif work_order.kind == "packing":
            assignment.create_assigned("shipping", [following], location)


def complete_shipping(order_id: str) -> None:
    """End the shipping order of an order whose package was put into its box; LookupError when there is none yet."""
    work_order = work_orders.lock_by_order("shipping", order_id)
    if work_order is None:
        raise LookupError(f"no shipping order of {order_id} exists yet")
    if work_order.state not in ACTIVE_STATES:
        return
    for order in work_order.remaining_orders:
        order.scanned_at = order.scanned_at or clock.now()
    if work_order.state == "assigned":
        work_orders.transition(work_order, "in_progress")
    complete(work_order)
