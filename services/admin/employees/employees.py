"""Employees: internal users of the auth domain, with the kinds of work and the areas that a manager sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.event_types import StaffChanged
from libs.chassis.queries import get_row
from services.admin.employees.rules import can_do
from services.admin.employees.tables import Employee
from services.admin.work.rules import ACTIVE_STATES, KINDS
from services.admin.work.tables import WorkOrder


def update_from_auth(data: StaffChanged, event_at: datetime) -> Employee | None:
    """Store what auth published about an internal user; None when a newer event was applied before."""
    employee = session().get(Employee, data["user_id"], with_for_update=True)
    if employee is None:
        employee = Employee(id=data["user_id"], areas=[], kinds=None)
        session().add(employee)
    elif event_at < employee.last_event_at:
        return None
    employee.full_name, employee.roles, employee.state = data["full_name"], data["roles"], data["state"]
    employee.last_event_at = event_at
    session().flush()
    return employee


def get(employee_id: str) -> Employee:
    return get_row(Employee, employee_id, "there is no such employee")


def set_work(employee_id: str, areas: Sequence[str], kinds: Sequence[str] | None) -> Employee:
    """Set where and what an employee works; without `kinds` the roles decide."""
    employee = get(employee_id)
    before = {"areas": employee.areas, "kinds": employee.kinds}
    employee.areas = list(areas)
    employee.kinds = None if kinds is None else [kind for kind in KINDS if kind in kinds]
    session().flush()
    after = {"areas": employee.areas, "kinds": employee.kinds}
    audit.record("put_employee_work", employee.id, before=before, after=after)
    return employee


def find_able(kind: str) -> dict[str, Employee]:
    """The employees to whom a work order of this kind can be assigned, by id."""
    active = session().scalars(select(Employee).where(Employee.state == "active"))
    return {employee.id: employee for employee in active if can_do(employee, kind)}


def count_active_work(ids: Sequence[str]) -> dict[str, int]:
    """How many work orders each of these employees has that are assigned or in progress."""
    counts = (
        select(WorkOrder.assignee_id, func.count())
        .where(WorkOrder.assignee_id.in_(ids), WorkOrder.state.in_(ACTIVE_STATES))
        .group_by(WorkOrder.assignee_id)
    )
    by_assignee: dict[str | None, int] = {row[0]: row[1] for row in session().execute(counts)}
    return {employee_id: by_assignee.get(employee_id, 0) for employee_id in ids}
