"""Own returns of purchases."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import buying_orders, buying_returns, neighbours
from services.customer.buying_returns import Wish
from services.customer.models import ReturnBuyingOrder
from services.customer.order_pages import ReturnFilter, page_of_buying_returns
from services.customer.schemas import BuyingReturnSchema


def create_buying_return(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    buyer_id, order_id, return_id = principal().subject, body["order_id"], stable_id("rbo")
    wish = Wish(body.get("product_ids", ()), body.get("reason"))
    with unit_of_work(reads_only=True):  # ended before locker is asked, so that nothing is locked meanwhile
        order = buying_orders.get_own(order_id, buyer_id)
        if buying_returns.find(return_id) is None:
            buying_returns.wanted_products(order, wish)
    hold = neighbours.hold_box(return_id, buyer_id, body["location_id"])
    order = buying_orders.get_own(order_id, buyer_id, locked=True)
    made = buying_returns.create(return_id, order, wish, hold)
    return _shown(made), 201, {"Location": f"/customer/v1/buying-returns/{made.id}"}


def list_buying_returns(
    state: str | None = None, order_id: str | None = None, limit: int = 20, cursor: str | None = None
) -> dict[str, Any]:
    buyer_id = principal().subject
    if order_id is not None:
        buying_orders.get_own(order_id, buyer_id)
    return page_of_buying_returns(limit, cursor, ReturnFilter(state, buyer_id, order_id))


def get_buying_return(return_id: str) -> dict[str, Any]:
    return _shown(buying_returns.get_own(return_id, principal().subject))


def cancel_buying_return(return_id: str) -> dict[str, Any]:
    made = buying_returns.get_own(return_id, principal().subject, locked=True)
    buying_returns.cancel(made)
    return _shown(made)


def _shown(made: ReturnBuyingOrder) -> dict[str, Any]:
    return dict(BuyingReturnSchema().dump(made))
