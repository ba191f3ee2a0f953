"""All buying orders, for staff and for billing (story mf-bo-01)."""

from __future__ import annotations

from typing import Any

from services.customer import buying_orders
from services.customer.order_pages import page_of_orders
from services.customer.schemas import BuyingOrderSchema


def list_all_buying_orders(
    limit: int = 20, cursor: str | None = None, state: str | None = None, buyer_id: str | None = None
) -> dict[str, Any]:
    return page_of_orders(limit, cursor, state, buyer_id)


def get_any_buying_order(order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = BuyingOrderSchema().dump(buying_orders.get(order_id))
    return order
