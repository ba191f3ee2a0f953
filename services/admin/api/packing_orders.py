"""Packing orders of buying orders."""

from __future__ import annotations

from typing import Any

from libs.chassis.pagination import page
from services.admin import packing_orders
from services.admin.models import WorkOrder
from services.admin.schemas import PackingOrderSchema


def list_packing_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    wanted = packing_orders.every()
    if state is not None:
        wanted = wanted.where(WorkOrder.state == state)
    newest_first: Any = [(WorkOrder.created_at, "desc"), (WorkOrder.id, "desc")]
    dump = PackingOrderSchema().dump
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)


def get_packing_order(packing_order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = PackingOrderSchema().dump(packing_orders.get(packing_order_id))
    return found
