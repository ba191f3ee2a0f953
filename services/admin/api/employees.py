"""Employees and the work that they are given."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.admin import assignment, employees
from services.admin.models import Employee
from services.admin.schemas import EmployeeSchema


def list_employees(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    wanted = select(Employee)
    if state is not None:
        wanted = wanted.where(Employee.state == state)
    by_name: Any = [(Employee.full_name, "asc"), (Employee.id, "asc")]
    return page(wanted, order_by=by_name, limit=limit, cursor=cursor, dump=EmployeeSchema().dump)


def get_employee(employee_id: str) -> dict[str, Any]:
    return dict(EmployeeSchema().dump(employees.get(employee_id)))


def put_employee_work(employee_id: str, body: dict[str, Any]) -> dict[str, Any]:
    employee = employees.change_work(employee_id, body["areas"], body["kinds"])
    assignment.follow_employee(employee)
    return dict(EmployeeSchema().dump(employee))
