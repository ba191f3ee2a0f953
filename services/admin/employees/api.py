"""Employees and the work that they do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from services.admin.employees import employees
from services.admin.employees.schemas import EmployeeSchema
from services.admin.employees.tables import Employee
from services.admin.work import assignment


def list_employees(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    statement = filter_by(select(Employee), {Employee.state: state})
    by_name: Any = [(Employee.full_name, "asc"), (Employee.id, "asc")]
    return page(statement, order_by=by_name, limit=limit, cursor=cursor, dump=EmployeeSchema().dump)


def get_employee(employee_id: str) -> dict[str, Any]:
    return dict(EmployeeSchema().dump(employees.get(employee_id)))


def put_employee_work(employee_id: str, body: dict[str, Any]) -> dict[str, Any]:
    employee = employees.set_work(employee_id, body["areas"], body["kinds"])
    assignment.reassign_work_of(employee)
    return dict(EmployeeSchema().dump(employee))
