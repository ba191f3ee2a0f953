"""What admin told of the work on a buying order, so that one order can be shown whole (story mf-bo-02)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from libs.chassis.db import session
from services.customer.models import BuyingOrder, OrderWork


@dataclass(frozen=True)
class WorkNews:
    """A work order as the newest event says it is."""

    work_order_id: str
    kind: str
    state: str
    assignee_id: str | None
    tracking_code: str | None
    reason: str | None
    at: datetime


def note(order_id: str, news: WorkNews) -> None:
    """Keep the newest of what is told; LookupError while the order is not known."""
    if session().get(BuyingOrder, order_id) is None:
        raise LookupError(f"buying order {order_id} is not known yet")
    known = session().get(OrderWork, (order_id, news.work_order_id), with_for_update=True)
    if known is None:
        known = OrderWork(order_id=order_id, work_order_id=news.work_order_id, kind=news.kind)
        session().add(known)
    elif news.at < known.changed_at:
        return
    known.state, known.assignee_id, known.reason = news.state, news.assignee_id, news.reason
    known.tracking_code, known.changed_at = news.tracking_code or known.tracking_code, news.at
    session().flush()


def of_order(order_id: str) -> list[OrderWork]:
    """Packing, then shipping."""
    found = select(OrderWork).where(OrderWork.order_id == order_id)
    return list(session().scalars(found.order_by(OrderWork.kind, OrderWork.work_order_id)))
