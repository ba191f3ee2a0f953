"""Returns of purchases read from the database: one of them, those of an order, or a page.

An order and its returns change under the lock of the order: two returns of the same product, or a return and the
end of the return window, exclude each other there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.db import locked_scalar, session
from libs.chassis.pagination import page
from libs.chassis.problems import NotFound
from services.customer.buying_orders import queries as buying_orders
from services.customer.buying_returns.schemas import BuyingReturnSchema
from services.customer.buying_returns.tables import BuyingReturn

WITH_PARTS = (selectinload(BuyingReturn.items), selectinload(BuyingReturn.timeline))
SORT_ORDERS: dict[str, Any] = {
    "newest": [(BuyingReturn.created_at, "desc"), (BuyingReturn.id, "desc")],
    "oldest": [(BuyingReturn.created_at, "asc"), (BuyingReturn.id, "asc")],
}


def find(return_id: str, *, locked: bool = False) -> BuyingReturn | None:
    """The return with its items and timeline; `locked`: it and its order, until the end of the unit of work."""
    statement = select(BuyingReturn).where(BuyingReturn.id == return_id).options(*WITH_PARTS)
    if not locked:
        return session().scalar(statement)
    order_id = session().scalar(select(BuyingReturn.order_id).where(BuyingReturn.id == return_id))
    if order_id is None:
        return None
    buying_orders.find(order_id, locked=True)
    return locked_scalar(statement)


def get(return_id: str, *, locked: bool = False) -> BuyingReturn:
    """A return by its id. NotFound."""
    buying_return = find(return_id, locked=locked)
    if buying_return is None:
        raise NotFound
    return buying_return


def get_own(return_id: str, buyer_id: str, *, locked: bool = False) -> BuyingReturn:
    """A return of this buyer. NotFound for another buyer's return too."""
    buying_return = get(return_id, locked=locked)
    if buying_return.buyer_id != buyer_id:
        raise NotFound
    return buying_return


def list_by_order(order_id: str) -> list[BuyingReturn]:
    """The returns of an order, oldest first."""
    statement = select(BuyingReturn).where(BuyingReturn.order_id == order_id).options(*WITH_PARTS)
    return list(session().scalars(statement.order_by(BuyingReturn.created_at, BuyingReturn.id)))


@dataclass(frozen=True)
class ReturnFilter:
    """Which returns of purchases to list; None stands for any value."""

    state: str | None = None
    buyer_id: str | None = None
    order_id: str | None = None


def list_page(limit: int, cursor: str | None, filters: ReturnFilter, sort: str = "newest") -> dict[str, Any]:
    """A page of returns of purchases, as JSON."""
    equal = (
        (BuyingReturn.state, filters.state),
        (BuyingReturn.buyer_id, filters.buyer_id),
        (BuyingReturn.order_id, filters.order_id),
    )
    statement = select(BuyingReturn).options(*WITH_PARTS)
    statement = statement.where(*(column == value for column, value in equal if value is not None))
    dump = BuyingReturnSchema().dump
    return page(statement, order_by=SORT_ORDERS[sort], limit=limit, cursor=cursor, dump=dump)
