"""Buying orders as billing knows them; each has a row, which is locked before anything of the order is decided."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import insert_missing, locked_scalar
from services.billing.models import Purchase


def locked(order_id: str) -> Purchase:
    """The order's row as it is now, locked; made when nothing was known of the order."""
    purchase = _lock(order_id)
    if purchase is None:
        row = {"order_id": order_id, "kept_product_ids": [], "returned_product_ids": []}
        insert_missing(Purchase, [row])
        purchase = _lock(order_id)
    assert purchase is not None, order_id
    return purchase


def _lock(order_id: str) -> Purchase | None:
    return locked_scalar(select(Purchase).where(Purchase.order_id == order_id))
