"""Donating orders read from the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.db import session
from services.customer.donating_orders.schemas import DonatingOrderSchema
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder
from services.customer.records import Records

donating_orders = Records(
    DonatingOrder,
    owner=DonatingOrder.donor_id,
    parts=(
        selectinload(DonatingOrder.items).selectinload(DonatingItem.photos),
        selectinload(DonatingOrder.timeline),
    ),
    schema=DonatingOrderSchema(),
    sort_orders={"newest": [(DonatingOrder.created_at, "desc"), (DonatingOrder.id, "desc")]},
)


def lock_by_products(product_ids: Sequence[str]) -> list[DonatingOrder]:
    """The orders that these products come from, locked in the sequence of their ids, which prevents deadlocks."""
    order_ids = select(DonatingItem.order_id).where(DonatingItem.product_id.in_(product_ids)).distinct()
    return [donating_orders.get(order_id, locked=True) for order_id in sorted(session().scalars(order_ids))]
