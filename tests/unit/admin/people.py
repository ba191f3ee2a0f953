"""Work orders and staff as objects, without a database."""

from __future__ import annotations

from typing import Any

from services.admin.models import Employee, OrderAtWork, WorkOrder


def employee(name: str, role: str = "deliveryman", **changed: Any) -> Employee:
    facts: dict[str, Any] = {"roles": [role], "state": "active", "areas": [], "kinds": None} | changed
    return Employee(id=name, full_name=name.title(), **facts)


def work_order(kind: str = "collecting", state: str = "open", **changed: Any) -> WorkOrder:
    orders = [OrderAtWork(order_id="dor_1", position=0)]
    return WorkOrder(**{"id": "wor_1", "kind": kind, "state": state, "orders": orders} | changed)
