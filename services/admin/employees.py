"""Employees: internal users as auth tells of them, with the kinds of work and the areas that a manager sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.admin.models import Employee, WorkOrder
from services.admin.work_orders import AT_WORK, KINDS

# What somebody does whom no manager told otherwise.
KINDS_OF_ROLES = {"deliveryman": ("collecting", "shipping"), "employee": ("checking", "packing")}


def follow(
    user_id: str, *, full_name: str, roles: Sequence[str], state: str, heard_at: datetime
) -> Employee | None:
    """Keep what auth says of an internal user; None for what is older than what is known."""
    employee = session().get(Employee, user_id, with_for_update=True)
    if employee is None:
        employee = Employee(id=user_id, areas=[], kinds=None)
        session().add(employee)
    elif heard_at < employee.heard_at:
        return None
    employee.full_name, employee.roles, employee.state = full_name, list(roles), state
    employee.heard_at = heard_at
    session().flush()
    return employee


def get(employee_id: str) -> Employee:
    found = session().get(Employee, employee_id)
    if found is None:
        raise NotFound("there is no such employee")
    return found


def change_work(employee_id: str, areas: Sequence[str], kinds: Sequence[str] | None) -> Employee:
    """Set where and what somebody works; no kinds: what their roles say."""
    employee = get(employee_id)
    before = {"areas": employee.areas, "kinds": employee.kinds}
    employee.areas = list(areas)
    employee.kinds = None if kinds is None else [kind for kind in KINDS if kind in kinds]
    session().flush()
    after = {"areas": employee.areas, "kinds": employee.kinds}
    audit.record("put_employee_work", employee.id, before=before, after=after)
    return employee


def kinds_of(employee: Employee) -> list[str]:
    """The kinds of work that are given to somebody while the account is active."""
    if employee.kinds is not None:
        return list(employee.kinds)
    by_role = [kind for role in employee.roles for kind in KINDS_OF_ROLES.get(role, ())]
    return [kind for kind in KINDS if kind in by_role]


def can_do(employee: Employee, kind: str) -> bool:
    return employee.state == "active" and kind in kinds_of(employee)


def available(kind: str) -> dict[str, Employee]:
    """Whom a work order of this kind can be given, by id."""
    active = session().scalars(select(Employee).where(Employee.state == "active"))
    return {employee.id: employee for employee in active if can_do(employee, kind)}


def loads(ids: Sequence[str]) -> dict[str, int]:
    """How many work orders each of these people has at work."""
    at_work = (
        select(WorkOrder.assignee_id, func.count())
        .where(WorkOrder.assignee_id.in_(ids), WorkOrder.state.in_(AT_WORK))
        .group_by(WorkOrder.assignee_id)
    )
    found: dict[str | None, int] = {row[0]: row[1] for row in session().execute(at_work)}
    return {employee_id: found.get(employee_id, 0) for employee_id in ids}


def load_of(employee: Employee) -> int:
    return loads([employee.id])[employee.id]
