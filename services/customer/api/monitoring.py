"""All orders, for staff and for billing (stories mf-bo-01, mf-do-01 to mf-do-03)."""

from __future__ import annotations

from typing import Any

from services.customer import buying_orders, donating_orders
from services.customer.order_pages import page_of_donation_returns, page_of_donations, page_of_orders
from services.customer.schemas import BuyingOrderSchema, DonatingOrderSchema


def list_all_buying_orders(
    limit: int = 20, cursor: str | None = None, state: str | None = None, buyer_id: str | None = None
) -> dict[str, Any]:
    return page_of_orders(limit, cursor, state, buyer_id)


def get_any_buying_order(order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = BuyingOrderSchema().dump(buying_orders.get(order_id))
    return order


def list_all_donating_orders(
    limit: int = 20, cursor: str | None = None, state: str | None = None, donor_id: str | None = None
) -> dict[str, Any]:
    return page_of_donations(limit, cursor, state, donor_id)


def get_any_donating_order(order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = DonatingOrderSchema().dump(donating_orders.get(order_id))
    return order


def list_all_donation_returns(
    limit: int = 20, cursor: str | None = None, state: str | None = None, donor_id: str | None = None
) -> dict[str, Any]:
    return page_of_donation_returns(limit, cursor, state, donor_id)
