"""Buying orders: a buyer reviews, places and cancels own ones, staff read all of them and force-cancel."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit, clock
from libs.chassis.db import unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.money import Money, sum_money
from libs.chassis.problems import Unprocessable
from libs.chassis.security import principal
from libs.chassis.system_settings import setting
from services.customer import service_clients
from services.customer.buying_orders import lifecycle, placements, work_orders
from services.customer.buying_orders.jobs import complete_interrupted_placements_of
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_orders.rules import ID_PREFIX, LIFECYCLE
from services.customer.buying_orders.schemas import OrderWorkSchema, WholeBuyingOrderSchema
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.buying_returns.queries import buying_returns
from services.customer.buying_returns.schemas import BuyingReturnSchema
from services.customer.schemas import ProductItemSchema


def review_buying_order(body: dict[str, Any]) -> dict[str, Any]:
    location = service_clients.get_location(body["pickup_location_id"], pointer="/pickup_location_id")
    quote = service_clients.quote_products(body["product_ids"])
    currency = quote.items[0].price.currency if quote.items else setting("billing.currency")
    return {
        "items": ProductItemSchema(many=True).dump(quote.items),
        "total": sum_money((item.price for item in quote.items), currency).to_dict(),
        "unavailable_product_ids": list(quote.unavailable_product_ids),
        "pickup_location": {"id": location.id, "name": location.name, "time_zone": location.time_zone},
        "payment_method": body["payment_method"],
        "can_be_placed": not quote.unavailable_product_ids,
    }


def place_buying_order(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    buyer_id, order_id = principal().subject, stable_id(ID_PREFIX)
    location = service_clients.get_location(body["pickup_location_id"], pointer="/pickup_location_id")
    expected_total = Money.from_dict(body["expected_total"]) if "expected_total" in body else None
    with unit_of_work():
        placements.start(order_id, buyer_id, location)
    try:
        hold = service_clients.hold_products(order_id, buyer_id, body["product_ids"], expected_total)
    except service_clients.ProductUnavailable:
        # The refusal may name another order of this buyer, which should exist when the buyer looks for it.
        complete_interrupted_placements_of(buyer_id, except_order_id=order_id)
        raise
    order = lifecycle.place(order_id, buyer_id, hold.items, location, hold.until)
    placements.finish(order_id)
    return buying_orders.dump(order), 201, {"Location": f"/customer/v1/buying-orders/{order.id}"}


def list_buying_orders(limit: int = 20, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    return buying_orders.list_page(limit, cursor, state=state, buyer_id=principal().subject)


def get_buying_order(order_id: str) -> dict[str, Any]:
    return buying_orders.dump(buying_orders.get_own(order_id, principal().subject))


def cancel_buying_order(order_id: str) -> dict[str, Any]:
    buyer_id = principal().subject
    # Ends before other services are called, so that nothing is locked meanwhile.
    with unit_of_work(reads_only=True):
        order = buying_orders.get_own(order_id, buyer_id)
        if order.state == "cancelled":
            return buying_orders.dump(order)
        LIFECYCLE.apply(order.state, "cancel")
    if order.state == "placed":
        service_clients.release_hold(order_id)
    else:
        service_clients.stop_work(order_id)
    order = buying_orders.get_own(order_id, buyer_id, locked=True)
    lifecycle.cancel(order)
    return buying_orders.dump(order)


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
    period = []
    if placed_from is not None:
        period.append(BuyingOrder.placed_at >= clock.parse_rfc3339(placed_from))
    if placed_before is not None:
        period.append(BuyingOrder.placed_at < clock.parse_rfc3339(placed_before))
    equal = {"state": state, "buyer_id": buyer_id, "pickup_location_id": pickup_location_id}
    return buying_orders.list_page(limit, cursor, *period, sort=sort, **equal)


def get_any_buying_order(order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = WholeBuyingOrderSchema().dump(buying_orders.get(order_id))
    order["work"] = OrderWorkSchema(many=True).dump(work_orders.list_by_order(order_id))
    order["returns"] = BuyingReturnSchema(many=True).dump(buying_returns.list_by_order(order_id))
    return order


def force_cancel_buying_order(order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    order, missing = buying_orders.get(order_id, locked=True), body["missing_product_ids"]
    errors = [
        {"pointer": f"/missing_product_ids/{position}", "detail": "this product is not in the order"}
        for position, product_id in enumerate(missing)
        if product_id not in order.product_ids
    ]
    if errors:
        raise Unprocessable(errors=errors)
    before = order.state
    missing = lifecycle.force_cancel(order, "force_cancelled", missing=missing)
    if order.state != before:
        after = {"state": order.state, "reason": body["reason"], "missing_product_ids": missing}
        audit.record("force_cancel_buying_order", order.id, before={"state": before}, after=after)
    return buying_orders.dump(order)
