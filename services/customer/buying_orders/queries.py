"""Buying orders read from the database."""

from __future__ import annotations

from sqlalchemy.orm import selectinload

from services.customer.buying_orders.schemas import BuyingOrderSchema
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.records import Records

buying_orders = Records(
    BuyingOrder,
    owner=BuyingOrder.buyer_id,
    parts=(
        selectinload(BuyingOrder.items),
        selectinload(BuyingOrder.timeline),
        selectinload(BuyingOrder.refunds),
    ),
    schema=BuyingOrderSchema(),
    sort_orders={
        "newest": [(BuyingOrder.placed_at, "desc"), (BuyingOrder.id, "desc")],
        "oldest": [(BuyingOrder.placed_at, "asc"), (BuyingOrder.id, "asc")],
        "total_desc": [(BuyingOrder.total_amount, "desc"), (BuyingOrder.id, "desc")],
        "total_asc": [(BuyingOrder.total_amount, "asc"), (BuyingOrder.id, "asc")],
    },
)
