"""Copies of admin's work orders of a buying order, which staff see beside the order (story mf-bo-02)."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from services.customer.buying_orders.tables import BuyingOrder, OrderWork


def record(work: OrderWork) -> None:
    """Store the latest state of a work order. LookupError while the order is not known."""
    if session().get(BuyingOrder, work.order_id) is None:
        raise LookupError(f"buying order {work.order_id} is not known yet")
    existing = session().get(OrderWork, (work.order_id, work.work_order_id), with_for_update=True)
    if existing is not None:
        if work.changed_at < existing.changed_at:
            return
        work.tracking_code = work.tracking_code or existing.tracking_code
    session().merge(work)
    session().flush()


def list_by_order(order_id: str) -> list[OrderWork]:
    """The work orders of an order: packing, then shipping."""
    statement = select(OrderWork).where(OrderWork.order_id == order_id)
    return list(session().scalars(statement.order_by(OrderWork.kind, OrderWork.work_order_id)))
