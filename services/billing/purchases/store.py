"""Locking a purchase, before anything that belongs to its order."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import insert_missing, locked_scalar
from services.billing.purchases.tables import Purchase


def lock_purchase(order_id: str) -> Purchase:
    """The present row of an order, locked; created if missing."""
    purchase = _lock(order_id)
    if purchase is None:
        insert_missing(Purchase, [{"order_id": order_id, "kept_product_ids": [], "returned_product_ids": []}])
        purchase = _lock(order_id)
    assert purchase is not None, order_id
    return purchase


def _lock(order_id: str) -> Purchase | None:
    return locked_scalar(select(Purchase).where(Purchase.order_id == order_id))
