"""What customer knows of orders, for the domains that wait for it, and its own comparisons (`stuck_orders.py`)."""

from __future__ import annotations

from typing import Any

from libs.chassis.consistency import Knowledge, add_checks
from services.customer import (
    buying_orders,
    buying_returns,
    donating_orders,
    donation_returns,
    events,
    order_attempts,
    stuck_orders,
)

registry = events.registry


def _state_before(order: Any) -> str | None:
    """The state from which an order or a return came into its present one."""
    return order.timeline[-2].state if len(order.timeline) > 1 else None


@registry.describes("bor")
def describe_buying_order(order_id: str) -> Knowledge:
    """The last move of a buying order; one that is being placed is pending."""
    is_begun = order_attempts.is_begun(order_id)  # read first: the order and the end of its attempt come together
    order = buying_orders.find(order_id)
    if order is None:
        return Knowledge.PENDING if is_begun else Knowledge.UNKNOWN
    buying_orders.announce_again(order)
    return Knowledge.KNOWN


@registry.describes("rbo")
def describe_buying_return(return_id: str) -> Knowledge:
    """The last move of the return of a purchase."""
    found = buying_returns.find(return_id)
    if found is None:
        return Knowledge.UNKNOWN
    buying_returns.announce(found, _state_before(found))
    return Knowledge.KNOWN


@registry.describes("dor")
def describe_donating_order(order_id: str) -> Knowledge:
    """The last move of a donation; a draft that waits for its box has none yet."""
    order = donating_orders.find(order_id)
    if order is None:
        return Knowledge.UNKNOWN
    if order.state != donating_orders.EDITABLE:
        donating_orders.announce(order, _state_before(order))
    return Knowledge.KNOWN


@registry.describes("rdo")
def describe_donation_return(return_id: str) -> Knowledge:
    """The last move of the return of a donation."""
    found = donation_returns.find(return_id)
    if found is None:
        return Knowledge.UNKNOWN
    donation_returns.announce(found, _state_before(found))
    return Knowledge.KNOWN


add_checks(registry, *stuck_orders.CHECKS)
