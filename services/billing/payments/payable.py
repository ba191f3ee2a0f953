"""What can be paid: a buying order, as the customer service knows it, or a fee."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.problems import NotFound
from libs.chassis.service_client import ServiceProblem, peer
from libs.chassis.system_settings import setting
from services.billing.fees.charging import get_own_fee
from services.billing.fees.rules import calculate_coin_price
from services.billing.payments.purpose import OrderNotPayable


@dataclass(frozen=True)
class Payable:
    """A total, its price in coins, and the lines of its receipt."""

    order_id: str
    payer_id: str
    total: Money
    coins: int
    lines: list[dict[str, Any]]
    fee_id: str | None = None


def get_payable_fee(fee_id: str, payer_id: str) -> Payable:
    """The payer's own fee; NotFound."""
    fee = get_own_fee(fee_id, payer_id)
    return Payable(fee.order_id, fee.payer_id, fee.money, fee.coins, [], fee_id=fee.id)


def get_payable_order(order_id: str, buyer_id: str) -> Payable:
    """The buyer's own order while it can be paid; NotFound, OrderNotPayable, ServiceUnavailable."""
    try:
        document = peer("customer").get(f"/customer/v1/monitored-buying-orders/{order_id}").json()
    except ServiceProblem as problem:
        if problem.status == 404:
            raise NotFound("there is no such order") from None
        raise
    if document["buyer_id"] != buyer_id:
        raise NotFound("there is no such order")
    state = determine_order_state(document["state"], clock.parse_rfc3339(document["expires_at"]), clock.now())
    if state != "placed":
        raise OrderNotPayable(f"the order is {state}")
    total = Money.from_dict(document["total"])
    coins = calculate_coin_price(total.amount, setting("billing.coin_value"))
    return Payable(order_id, buyer_id, total, coins, document["items"])


def determine_order_state(state: str, expires_at: datetime, now: datetime) -> str:
    """The state of an order at `now`: the customer service may not have marked it as expired yet."""
    return "expired" if state == "placed" and expires_at <= now else state
