"""Build work orders and employees without a database."""

from __future__ import annotations

from typing import Any

from services.admin.employees.tables import Employee
from services.admin.work.tables import IncludedOrder, WorkOrder


def build_employee(name: str, role: str = "deliveryman", **changes: Any) -> Employee:
    fields: dict[str, Any] = {"roles": [role], "state": "active", "areas": [], "kinds": None} | changes
    return Employee(id=name, full_name=name.title(), **fields)


def build_work_order(kind: str = "collecting", state: str = "open", **changes: Any) -> WorkOrder:
    orders = [IncludedOrder(order_id="dor_1", position=0)]
    return WorkOrder(**{"id": "wor_1", "kind": kind, "state": state, "orders": orders} | changes)
