"""The JSON of employees."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.admin.employees.employees import count_active_work
from services.admin.employees.rules import kinds_of_work


class EmployeeSchema(Schema):
    """An employee with the kinds of work that they do, and how many work orders they have."""

    id = fields.String()
    full_name = fields.String()
    roles = fields.Raw()
    state = fields.String()
    areas = fields.Raw()
    kinds = fields.Function(kinds_of_work)
    are_kinds_by_role = fields.Function(lambda employee: employee.kinds is None)
    active_work_orders = fields.Function(lambda employee: count_active_work([employee.id])[employee.id])
