"""Who gets a work order.

What is carried goes to the deliveryman of the location, else to somebody of its area; all else to whoever has least
to do. Nobody there: it stays open until somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from libs.chassis import audit, jobs
from libs.chassis.db import session
from libs.chassis.problems import Unprocessable
from services.admin import employees, work_orders
from services.admin.models import Employee, WorkOrder
from services.admin.work_orders import AT_WORK, IllegalTransition, Part, Place

CARRIED = frozenset({"collecting", "shipping"})
MOST_AT_ONCE = 100


class CannotDoThatWork(Unprocessable):
    slug, title = "cannot-do-that-work", "That person does not do this kind of work"


def create(kind: str, parts: list[Part], place: Place | None) -> WorkOrder:
    """A work order, given to somebody at once when there is somebody."""
    work_order = work_orders.create(kind, parts, place)
    _assign_if_possible(work_order)
    return work_order


def assign_open() -> None:
    """Assign what is open, oldest first; one that cannot be assigned blocks none of the others."""
    oldest = select(WorkOrder.id).where(WorkOrder.state == "open").order_by(WorkOrder.created_at, WorkOrder.id)
    for work_order_id in session().scalars(oldest.limit(MOST_AT_ONCE)).all():
        try:
            with session().begin_nested():
                work_order = work_orders.locked(work_order_id)
                if work_order.state == "open":
                    _assign_if_possible(work_order)
        except DBAPIError:
            raise  # the transaction may be over
        except Exception as error:
            jobs.report_failure("assign_open_work_orders", work_order_id, error)


def _assign_if_possible(work_order: WorkOrder) -> None:
    chosen = choose(work_order)
    if chosen is not None:
        work_orders.assign(work_order, chosen)


def choose(work_order: WorkOrder) -> str | None:
    """The best person for an open work order."""
    able = employees.available(work_order.kind)
    return best_of(work_order, able, employees.loads(sorted(able))) if able else None


def best_of(work_order: WorkOrder, able: Mapping[str, Employee], load: Mapping[str, int]) -> str:
    """The best of the people who are able to do it, by id; `load` is how many work orders each has."""
    ids = sorted(able)
    if work_order.kind in CARRIED:
        if work_order.deliveryman_id is not None and work_order.deliveryman_id in able:
            return work_order.deliveryman_id
        ids = [person for person in ids if _works_in(able[person], work_order.area)] or ids
    return min(ids, key=lambda person: (load[person], person))


def _works_in(employee: Employee, area: str | None) -> bool:
    return area is not None and area.casefold() in {known.casefold() for known in employee.areas}


def reassign(work_order_id: str, assignee_id: str | None) -> WorkOrder:
    """Give a work order to this person, or without one to the best there is.

    NotFound, IllegalTransition, CannotDoThatWork.
    """
    work_order = work_orders.locked(work_order_id)
    before = {"assignee_id": work_order.assignee_id, "state": work_order.state}
    if assignee_id is None:
        work_orders.reopen(work_order)
        _assign_if_possible(work_order)
    else:
        _refuse_unable(work_order, assignee_id)
        if assignee_id == work_order.assignee_id and work_order.state in AT_WORK:
            raise IllegalTransition("it is that person's already")
        work_orders.assign(work_order, assignee_id)
    after = {"assignee_id": work_order.assignee_id, "state": work_order.state}
    audit.record("assign_work_order", work_order.id, before=before, after=after)
    return work_order


def _refuse_unable(work_order: WorkOrder, assignee_id: str) -> None:
    if assignee_id not in employees.available(work_order.kind):
        detail = f"choose an active employee whose work is {work_order.kind}"
        raise CannotDoThatWork(detail, errors=[{"pointer": "/assignee_id", "detail": detail}])


def follow_employee(employee: Employee) -> None:
    """Take from somebody what they do no longer, and give away what is open."""
    at_work = select(WorkOrder.id).where(WorkOrder.assignee_id == employee.id, WorkOrder.state.in_(AT_WORK))
    for work_order_id in session().scalars(at_work.order_by(WorkOrder.id)).all():
        work_order = work_orders.locked(work_order_id)
        is_theirs = work_order.assignee_id == employee.id and work_order.state in AT_WORK
        if is_theirs and not employees.can_do(employee, work_order.kind):
            work_orders.reopen(work_order)
    assign_open()
