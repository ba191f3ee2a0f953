"""Assign work orders to employees.

What is carried goes to the deliveryman of the location, otherwise to somebody of its area; other work goes to
whoever has the fewest work orders. Without a suitable employee, a work order stays open.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from libs.chassis import audit, jobs
from libs.chassis.db import session
from libs.chassis.problems import Unprocessable
from libs.chassis.state_machine import IllegalTransition
from services.admin.employees import employees
from services.admin.employees.rules import can_do
from services.admin.employees.tables import Employee
from services.admin.work import work_orders
from services.admin.work.rules import ACTIVE_STATES
from services.admin.work.tables import IncludedOrder, WorkOrder
from services.admin.work.work_orders import WorkLocation

CARRIED_KINDS = frozenset({"collecting", "shipping"})
BATCH_SIZE = 100


class CannotDoThatWork(Unprocessable):
    slug, title = "cannot-do-that-work", "That person does not do this kind of work"


def create_assigned(kind: str, orders: list[IncludedOrder], location: WorkLocation) -> WorkOrder:
    """Create a work order and assign it, if somebody can do it."""
    work_order = work_orders.create(kind, orders, location)
    _assign_if_possible(work_order)
    return work_order


def assign_open() -> None:
    """Assign open work orders, oldest first; one that cannot be assigned does not block the others."""
    oldest = select(WorkOrder.id).where(WorkOrder.state == "open").order_by(WorkOrder.created_at, WorkOrder.id)
    for work_order_id in session().scalars(oldest.limit(BATCH_SIZE)).all():
        try:
            with session().begin_nested():
                work_order = work_orders.lock(work_order_id)
                if work_order.state == "open":
                    _assign_if_possible(work_order)
        except DBAPIError:
            raise  # the transaction may be over
        except Exception as error:
            jobs.report_failure("assign_open_work_orders", work_order_id, error)


def _assign_if_possible(work_order: WorkOrder) -> None:
    able = employees.find_able(work_order.kind)
    if able:
        assignee_id = choose_assignee(work_order, able, employees.count_active_work(sorted(able)))
        work_orders.assign(work_order, assignee_id)


def choose_assignee(work_order: WorkOrder, able: Mapping[str, Employee], load: Mapping[str, int]) -> str:
    """The id of the best of the employees who are able to do it; `load` is how many work orders each has."""
    ids = sorted(able)
    if work_order.kind in CARRIED_KINDS:
        if work_order.deliveryman_id is not None and work_order.deliveryman_id in able:
            return work_order.deliveryman_id
        ids = [person for person in ids if _works_in(able[person], work_order.area)] or ids
    return min(ids, key=lambda person: (load[person], person))


def _works_in(employee: Employee, area: str | None) -> bool:
    return area is not None and area.casefold() in {own.casefold() for own in employee.areas}


def reassign(work_order_id: str, assignee_id: str | None) -> WorkOrder:
    """Assign a work order to this person, or without one to the best employee.

    Raises: NotFound, IllegalTransition, CannotDoThatWork.
    """
    work_order = work_orders.lock(work_order_id)
    before = {"assignee_id": work_order.assignee_id, "state": work_order.state}
    if assignee_id is None:
        work_orders.reopen(work_order)
        _assign_if_possible(work_order)
    else:
        _require_able(work_order, assignee_id)
        if assignee_id == work_order.assignee_id and work_order.state in ACTIVE_STATES:
            raise IllegalTransition("it is assigned to that person already")
        work_orders.assign(work_order, assignee_id)
    after = {"assignee_id": work_order.assignee_id, "state": work_order.state}
    audit.record("assign_work_order", work_order.id, before=before, after=after)
    return work_order


def _require_able(work_order: WorkOrder, assignee_id: str) -> None:
    if assignee_id not in employees.find_able(work_order.kind):
        detail = f"choose an active employee whose work is {work_order.kind}"
        raise CannotDoThatWork(detail, errors=[{"pointer": "/assignee_id", "detail": detail}])


def reassign_work_of(employee: Employee) -> None:
    """Take the work that an employee can no longer do from them, and assign all open work."""
    active = select(WorkOrder.id).where(WorkOrder.assignee_id == employee.id, WorkOrder.state.in_(ACTIVE_STATES))
    for work_order_id in session().scalars(active.order_by(WorkOrder.id)).all():
        work_order = work_orders.lock(work_order_id)
        is_theirs = work_order.assignee_id == employee.id and work_order.state in ACTIVE_STATES
        if is_theirs and not can_do(employee, work_order.kind):
            work_orders.reopen(work_order)
    assign_open()
