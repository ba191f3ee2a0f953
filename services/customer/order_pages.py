"""Lists of buying orders, newest first: a customer's own, or all of them for staff."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.pagination import page
from services.customer.models import BuyingOrder
from services.customer.schemas import BuyingOrderSchema


def page_of_orders(limit: int, cursor: str | None, state: str | None, buyer_id: str | None) -> dict[str, Any]:
    wanted = select(BuyingOrder).options(selectinload(BuyingOrder.items), selectinload(BuyingOrder.timeline))
    if buyer_id is not None:
        wanted = wanted.where(BuyingOrder.buyer_id == buyer_id)
    if state is not None:
        wanted = wanted.where(BuyingOrder.state == state)
    newest_first: Any = [(BuyingOrder.placed_at, "desc"), (BuyingOrder.id, "desc")]
    dump = BuyingOrderSchema().dump
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)
