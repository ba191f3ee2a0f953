"""Ending orders and returns that cannot go on, for managers."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.problems import Unprocessable
from services.customer import buying_orders, buying_returns, return_checks
from services.customer.schemas import BuyingOrderSchema, BuyingReturnSchema


def force_cancel_buying_order(order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    order, missing = buying_orders.get_locked(order_id), body["missing_product_ids"]
    own = [item.product_id for item in order.items]
    errors = [
        {"pointer": f"/missing_product_ids/{place}", "detail": "no product of this order"}
        for place, product_id in enumerate(missing)
        if product_id not in own
    ]
    if errors:
        raise Unprocessable(errors=errors)
    before = order.state
    missing = buying_orders.give_up(order, "given_up", missing=missing)
    if order.state != before:
        after = {"state": order.state, "reason": body["reason"], "missing_product_ids": missing}
        audit.record("force_cancel_buying_order", order.id, before={"state": before}, after=after)
    return dict(BuyingOrderSchema().dump(order))


def force_cancel_buying_return(return_id: str, body: dict[str, Any]) -> dict[str, Any]:
    made = buying_returns.get_locked(return_id)
    before = made.state
    return_checks.give_up(made)
    if made.state != before:
        after = {"state": made.state, "reason": body["reason"]}
        audit.record("force_cancel_buying_return", made.id, before={"state": before}, after=after)
    return dict(BuyingReturnSchema().dump(made))
