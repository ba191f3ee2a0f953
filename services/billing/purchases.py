"""Buying orders as billing knows them; each has a row, which is locked before anything of the order is decided."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import mysql, sqlite

from libs.chassis.db import locked_scalar, session
from services.billing.models import Purchase


def locked(order_id: str) -> Purchase:
    """The order's row as it is now, locked; made when nothing was known of the order."""
    purchase = _lock(order_id)
    if purchase is None:
        _open(order_id)
        purchase = _lock(order_id)
    assert purchase is not None, order_id
    return purchase


def _lock(order_id: str) -> Purchase | None:
    return locked_scalar(select(Purchase).where(Purchase.order_id == order_id))


def _open(order_id: str) -> None:
    row = {"order_id": order_id, "kept_product_ids": [], "returned_product_ids": []}
    insert: Any
    if session().get_bind().dialect.name == "sqlite":
        insert = sqlite.insert(Purchase).values(row).on_conflict_do_nothing()
    else:
        insert = mysql.insert(Purchase).values(row).on_duplicate_key_update(order_id=Purchase.order_id)
    session().execute(insert)
