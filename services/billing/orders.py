"""What billing asks the customer domain about an order that is to be paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.service_client import ServiceProblem, peer


class OrderNotPayable(Conflict):
    slug, title = "order-not-payable", "The order cannot be paid in its present state"


@dataclass(frozen=True)
class PayableOrder:
    """An order's total and lines, as the receipt will have them."""

    id: str
    buyer_id: str
    total: Money
    lines: list[dict[str, Any]]


def payable_order(order_id: str, buyer_id: str) -> PayableOrder:
    """The buyer's own order while it can be paid; NotFound, OrderNotPayable, ServiceUnavailable."""
    try:
        document = peer("customer").get(f"/customer/v1/monitored-buying-orders/{order_id}").json()
    except ServiceProblem as problem:
        if problem.status == 404:
            raise NotFound("there is no such order") from None
        raise
    if document["buyer_id"] != buyer_id:
        raise NotFound("there is no such order")
    state = state_at(document["state"], clock.parse_rfc3339(document["expires_at"]), clock.now())
    if state != "placed":
        raise OrderNotPayable(f"the order is {state}")
    return PayableOrder(order_id, buyer_id, Money.from_dict(document["total"]), document["items"])


def state_at(state: str, expires_at: datetime, now: datetime) -> str:
    """The state of an order, which is expired from its time on, although customer may not have noted that yet."""
    return "expired" if state == "placed" and expires_at <= now else state
