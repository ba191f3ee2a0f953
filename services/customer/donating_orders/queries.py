"""Donating orders read from the database: one of them, those of products, or a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.db import locked_scalar, session
from libs.chassis.pagination import page
from libs.chassis.problems import NotFound
from services.customer.donating_orders.rules import require_editable
from services.customer.donating_orders.schemas import DonatingOrderSchema
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder

WITH_PARTS = (
    selectinload(DonatingOrder.items).selectinload(DonatingItem.photos),
    selectinload(DonatingOrder.timeline),
)


def find(order_id: str, *, locked: bool = False) -> DonatingOrder | None:
    """The order with its items, their photos and its timeline; `locked` until the end of the unit of work."""
    statement = select(DonatingOrder).where(DonatingOrder.id == order_id).options(*WITH_PARTS)
    return locked_scalar(statement) if locked else session().scalar(statement)


def get(order_id: str, *, locked: bool = False) -> DonatingOrder:
    """An order by its id. NotFound."""
    order = find(order_id, locked=locked)
    if order is None:
        raise NotFound
    return order


def get_own(order_id: str, donor_id: str, *, locked: bool = False) -> DonatingOrder:
    """An order of this donor. NotFound for another donor's order too."""
    order = get(order_id, locked=locked)
    if order.donor_id != donor_id:
        raise NotFound
    return order


def get_own_draft(order_id: str, donor_id: str) -> DonatingOrder:
    """An order of this donor that can still be edited, locked. NotFound, NotEditable."""
    order = get_own(order_id, donor_id, locked=True)
    require_editable(order)
    return order


def lock_by_products(product_ids: Sequence[str]) -> list[DonatingOrder]:
    """The orders that these products come from, locked in the sequence of their ids, which prevents deadlocks."""
    order_ids = select(DonatingItem.order_id).where(DonatingItem.product_id.in_(product_ids)).distinct()
    locked = (find(order_id, locked=True) for order_id in sorted(session().scalars(order_ids)))
    return [order for order in locked if order is not None]


def list_page(limit: int, cursor: str | None, state: str | None, donor_id: str | None) -> dict[str, Any]:
    """A page of donating orders, newest first, as JSON."""
    statement = select(DonatingOrder).options(*WITH_PARTS)
    if donor_id is not None:
        statement = statement.where(DonatingOrder.donor_id == donor_id)
    if state is not None:
        statement = statement.where(DonatingOrder.state == state)
    newest_first: Any = [(DonatingOrder.created_at, "desc"), (DonatingOrder.id, "desc")]
    dump = DonatingOrderSchema().dump
    return page(statement, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)
