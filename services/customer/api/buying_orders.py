"""Own buying orders: reviewing, placing, cancelling."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.money import Money, sum_money
from libs.chassis.security import principal
from libs.chassis.system_settings import setting
from services.customer import buying_orders, neighbours, order_attempts
from services.customer.models import BuyingOrder
from services.customer.order_pages import OrderFilter, page_of_orders
from services.customer.schemas import BuyingOrderSchema, ItemSchema


def review_buying_order(body: dict[str, Any]) -> dict[str, Any]:
    location = neighbours.pickup_location(body["pickup_location_id"])
    quote = neighbours.quote_products(body["product_ids"])
    currency = quote.items[0].price.currency if quote.items else setting("billing.currency")
    return {
        "items": ItemSchema(many=True).dump(quote.items),
        "total": sum_money((item.price for item in quote.items), currency).to_dict(),
        "unavailable_product_ids": list(quote.gone),
        "pickup_location": {"id": location.id, "name": location.name, "time_zone": location.time_zone},
        "payment_method": body["payment_method"],
        "can_be_placed": not quote.gone,
    }


def place_buying_order(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    buyer_id, order_id = principal().subject, stable_id("bor")
    location = neighbours.pickup_location(body["pickup_location_id"])
    expected_total = Money.from_dict(body["expected_total"]) if "expected_total" in body else None
    order_attempts.begin(order_id, buyer_id, location)
    try:
        hold = neighbours.hold_products(order_id, buyer_id, body["product_ids"], expected_total)
    except neighbours.ProductUnavailable:
        order_attempts.complete_others(buyer_id, order_id)
        raise
    order = buying_orders.place(order_id, buyer_id, hold.items, location, hold.until)
    order_attempts.end(order_id)
    return _shown(order), 201, {"Location": f"/customer/v1/buying-orders/{order.id}"}


def list_buying_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return page_of_orders(limit, cursor, OrderFilter(state, principal().subject))


def get_buying_order(order_id: str) -> dict[str, Any]:
    return _shown(buying_orders.get_own(order_id, principal().subject))


def cancel_buying_order(order_id: str) -> dict[str, Any]:
    buyer_id = principal().subject
    with unit_of_work(
        reads_only=True
    ):  # ended before the neighbours are asked, so that nothing is locked meanwhile
        order = buying_orders.get_own(order_id, buyer_id)
        if order.state == "cancelled":
            return _shown(order)
        buying_orders.MACHINE.apply(order.state, "cancel")
    if order.state == "placed":
        neighbours.release_hold(order_id)
    else:
        neighbours.stop_work(order_id)
    order = buying_orders.get_own(order_id, buyer_id, locked=True)
    buying_orders.cancel(order)
    return _shown(order)


def _shown(order: BuyingOrder) -> dict[str, Any]:
    return dict(BuyingOrderSchema().dump(order))
