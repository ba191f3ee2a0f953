"""Ending orders and returns that cannot go on, for managers."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from services.customer import buying_orders, buying_returns
from services.customer.schemas import BuyingOrderSchema, BuyingReturnSchema


def give_up_buying_order(order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    order, goods_are_there = buying_orders.get_locked(order_id), body["goods_are_there"]
    before = order.state
    buying_orders.give_up(order, "given_up", goods_are_there=goods_are_there)
    if order.state != before:
        after = {"state": order.state, "reason": body["reason"], "goods_are_there": goods_are_there}
        audit.record("give_up_buying_order", order.id, before={"state": before}, after=after)
    return dict(BuyingOrderSchema().dump(order))


def give_up_buying_return(return_id: str, body: dict[str, Any]) -> dict[str, Any]:
    made = buying_returns.get_locked(return_id)
    before = made.state
    buying_returns.give_up(made)
    if made.state != before:
        after = {"state": made.state, "reason": body["reason"]}
        audit.record("give_up_buying_return", made.id, before={"state": before}, after=after)
    return dict(BuyingReturnSchema().dump(made))
