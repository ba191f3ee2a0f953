"""All orders, for staff and for billing (stories mf-bo-01 to mf-bo-03, mf-do-01 to mf-do-03)."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from services.customer import buying_orders, buying_returns, donating_orders, order_work
from services.customer.order_pages import (
    OrderFilter,
    ReturnFilter,
    page_of_buying_returns,
    page_of_donation_returns,
    page_of_donations,
    page_of_orders,
)
from services.customer.schemas import (
    BuyingReturnSchema,
    DonatingOrderSchema,
    OrderWorkSchema,
    WholeBuyingOrderSchema,
)


def list_all_buying_orders(
    state: str | None = None,
    buyer_id: str | None = None,
    pickup_location_id: str | None = None,
    placed_from: str | None = None,
    placed_before: str | None = None,
    sort: str = "newest",
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    since, until = (clock.parse_optional(time) for time in (placed_from, placed_before))
    return page_of_orders(limit, cursor, OrderFilter(state, buyer_id, pickup_location_id, since, until), sort)


def get_any_buying_order(order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = WholeBuyingOrderSchema().dump(buying_orders.get(order_id))
    order["work"] = OrderWorkSchema(many=True).dump(order_work.of_order(order_id))
    order["returns"] = BuyingReturnSchema(many=True).dump(buying_returns.of_order(order_id))
    return order


def list_all_buying_returns(
    state: str | None = None,
    buyer_id: str | None = None,
    order_id: str | None = None,
    sort: str = "newest",
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    return page_of_buying_returns(limit, cursor, ReturnFilter(state, buyer_id, order_id), sort)


def get_any_buying_return(return_id: str) -> dict[str, Any]:
    return dict(BuyingReturnSchema().dump(buying_returns.get(return_id)))


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
