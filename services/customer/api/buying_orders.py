"""Own buying orders."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.customer import buying_orders, neighbours
from services.customer.order_pages import page_of_orders
from services.customer.schemas import BuyingOrderSchema


def place_buying_order(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    buyer_id, order_id = principal().subject, stable_id("bor")
    location = neighbours.pickup_location(body["pickup_location_id"])
    hold = neighbours.hold_products(order_id, buyer_id, body["product_ids"])
    order = buying_orders.place(order_id, buyer_id, hold.items, location, hold.until)
    return BuyingOrderSchema().dump(order), 201, {"Location": f"/customer/v1/buying-orders/{order.id}"}


def list_buying_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return page_of_orders(limit, cursor, state, principal().subject)


def get_buying_order(order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = BuyingOrderSchema().dump(buying_orders.get_own(order_id, principal().subject))
    return order
