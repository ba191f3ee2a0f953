"""All work orders, and who gets them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from services.admin import assignment, work_orders
from services.admin.models import OrderAtWork, WorkOrder
from services.admin.schemas import WorkOrderSchema


def list_work_orders(
    kind: str | None = None,
    state: str | None = None,
    assignee_id: str | None = None,
    order_id: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    wanted = select(WorkOrder)
    for column, value in (
        (WorkOrder.kind, kind),
        (WorkOrder.state, state),
        (WorkOrder.assignee_id, assignee_id),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if order_id is not None:
        with_order = select(OrderAtWork.work_order_id).where(OrderAtWork.order_id == order_id)
        wanted = wanted.where(WorkOrder.id.in_(with_order))
    newest_first: Any = [(WorkOrder.created_at, "desc"), (WorkOrder.id, "desc")]
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=WorkOrderSchema().dump)


def get_work_order(work_order_id: str) -> dict[str, Any]:
    return dict(WorkOrderSchema().dump(work_orders.get(work_order_id)))


def assign_work_order(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return dict(WorkOrderSchema().dump(assignment.reassign(work_order_id, body["assignee_id"])))
