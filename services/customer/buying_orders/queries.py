"""Buying orders read from the database: one of them, or a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from libs.chassis.db import locked_scalar, session
from libs.chassis.pagination import page
from libs.chassis.problems import NotFound
from services.customer.buying_orders.schemas import BuyingOrderSchema
from services.customer.buying_orders.tables import BuyingOrder

WITH_PARTS = (
    selectinload(BuyingOrder.items),
    selectinload(BuyingOrder.timeline),
    selectinload(BuyingOrder.refunds),
)
SORT_ORDERS: dict[str, Any] = {
    "newest": [(BuyingOrder.placed_at, "desc"), (BuyingOrder.id, "desc")],
    "oldest": [(BuyingOrder.placed_at, "asc"), (BuyingOrder.id, "asc")],
    "total_desc": [(BuyingOrder.total_amount, "desc"), (BuyingOrder.id, "desc")],
    "total_asc": [(BuyingOrder.total_amount, "asc"), (BuyingOrder.id, "asc")],
}


def find(order_id: str, *, locked: bool = False) -> BuyingOrder | None:
    """The order with its items, timeline and refunds; `locked` until the end of the unit of work."""
    statement = select(BuyingOrder).where(BuyingOrder.id == order_id).options(*WITH_PARTS)
    return locked_scalar(statement) if locked else session().scalar(statement)


def get(order_id: str, *, locked: bool = False) -> BuyingOrder:
    """An order by its id. NotFound."""
    order = find(order_id, locked=locked)
    if order is None:
        raise NotFound
    return order


def get_own(order_id: str, buyer_id: str, *, locked: bool = False) -> BuyingOrder:
    """An order of this buyer. NotFound for another buyer's order too."""
    order = get(order_id, locked=locked)
    if order.buyer_id != buyer_id:
        raise NotFound
    return order


@dataclass(frozen=True)
class OrderFilter:
    """Which buying orders to list; None stands for any value."""

    state: str | None = None
    buyer_id: str | None = None
    pickup_location_id: str | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None

    def apply(self, statement: Select[Any]) -> Select[Any]:
        equal = (
            (BuyingOrder.state, self.state),
            (BuyingOrder.buyer_id, self.buyer_id),
            (BuyingOrder.pickup_location_id, self.pickup_location_id),
        )
        statement = statement.where(*(column == value for column, value in equal if value is not None))
        if self.placed_from is not None:
            statement = statement.where(BuyingOrder.placed_at >= self.placed_from)
        if self.placed_before is not None:
            statement = statement.where(BuyingOrder.placed_at < self.placed_before)
        return statement


def list_page(limit: int, cursor: str | None, filters: OrderFilter, sort: str = "newest") -> dict[str, Any]:
    """A page of buying orders, as JSON."""
    statement = filters.apply(select(BuyingOrder).options(*WITH_PARTS))
    dump = BuyingOrderSchema().dump
    return page(statement, order_by=SORT_ORDERS[sort], limit=limit, cursor=cursor, dump=dump)
