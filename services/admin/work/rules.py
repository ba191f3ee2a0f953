"""The lifecycle of work orders, and the rules that need only the work order itself."""

from __future__ import annotations

from libs.chassis.problems import Conflict, NotFound
from libs.chassis.state_machine import IllegalTransition, StateMachine
from services.admin.work.tables import WorkOrder

KINDS = ("collecting", "checking", "packing", "shipping")

# The same for all kinds. From assigned to assigned, a work order is reassigned to another person.
LIFECYCLE = StateMachine.from_states(
    "work order",
    "open",
    {
        "open": {"assigned", "failed"},
        "assigned": {"assigned", "in_progress", "open", "failed"},
        "in_progress": {"assigned", "open", "done", "failed"},
        "failed": {"open"},
    },
)
ACTIVE_STATES = ("assigned", "in_progress")
UNFINISHED_STATES = ("open", *ACTIVE_STATES)


class CodesMissing(Conflict):
    slug, title = "codes-missing", "Not every tracking code was scanned"


def require_own(work_order: WorkOrder, kind: str, person_id: str) -> WorkOrder:
    """The work order, if it is of this kind and assigned to this person; NotFound."""
    if work_order.kind != kind or work_order.assignee_id != person_id:
        raise NotFound("there is no such work order")
    return work_order


def require_finishable(work_order: WorkOrder) -> None:
    """IllegalTransition unless it is in progress, CodesMissing unless each tracking code was scanned."""
    if not LIFECYCLE.allows(work_order.state, "done"):
        hint = "; scan its tracking codes first" if work_order.state == "assigned" else ""
        raise IllegalTransition(f"a work order that is {work_order.state} cannot become done{hint}")
    missing = sum(order.scanned_at is None for order in work_order.remaining_orders)
    if missing:
        raise CodesMissing(f"scan {missing} more of its tracking codes first")


def is_collected(work_order: WorkOrder) -> bool:
    """Whether it is a collecting order in progress whose tracking codes were all scanned."""
    return (
        work_order.kind == "collecting"
        and work_order.state == "in_progress"
        and all(order.scanned_at for order in work_order.remaining_orders)
    )


def is_in_transit(shipping: WorkOrder) -> bool:
    """Whether the deliveryman has or had the package; that of a failed shipping order may still be in the van."""
    return shipping.state in ("in_progress", "done") or any(order.scanned_at for order in shipping.orders)
