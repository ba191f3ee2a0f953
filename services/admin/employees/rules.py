"""Which work an employee does."""

from __future__ import annotations

from services.admin.employees.tables import Employee
from services.admin.work.rules import KINDS

KINDS_BY_ROLE = {"deliveryman": ("collecting", "shipping"), "employee": ("checking", "packing")}


def kinds_of_work(employee: Employee) -> list[str]:
    """The kinds that a manager set, otherwise those of the employee's roles."""
    if employee.kinds is not None:
        return list(employee.kinds)
    by_role = [kind for role in employee.roles for kind in KINDS_BY_ROLE.get(role, ())]
    return [kind for kind in KINDS if kind in by_role]


def can_do(employee: Employee, kind: str) -> bool:
    return employee.state == "active" and kind in kinds_of_work(employee)
