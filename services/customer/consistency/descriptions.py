"""Describe the present state of orders and returns to the domains that wait for their events."""

from __future__ import annotations

from libs.chassis.consistency import Knowledge
from services.customer.buying_orders import placements
from services.customer.buying_orders import publishers as buying_order_publishers
from services.customer.buying_orders.queries import buying_orders
from services.customer.buying_orders.rules import ID_PREFIX as BUYING_ORDER
from services.customer.buying_returns import publishers as buying_return_publishers
from services.customer.buying_returns.queries import buying_returns
from services.customer.buying_returns.rules import ID_PREFIX as BUYING_RETURN
from services.customer.donating_orders import publishers as donating_order_publishers
from services.customer.donating_orders.queries import donating_orders
from services.customer.donating_orders.rules import ID_PREFIX as DONATING_ORDER
from services.customer.donation_returns import publishers as donation_return_publishers
from services.customer.donation_returns.queries import donation_returns
from services.customer.donation_returns.rules import ID_PREFIX as DONATION_RETURN
from services.customer.registry import registry


@registry.describes(BUYING_ORDER)
def describe_buying_order(order_id: str) -> Knowledge:
    """Publish the latest transition of a buying order; one that is being placed is pending."""
    # Read first: the transaction that stores the order deletes its placement.
    placement = placements.find(order_id)
    order = buying_orders.find(order_id)
    if order is None:
        return Knowledge.UNKNOWN if placement is None else Knowledge.PENDING
    buying_order_publishers.publish_current_state(order)
    return Knowledge.KNOWN


@registry.describes(BUYING_RETURN)
def describe_buying_return(return_id: str) -> Knowledge:
    """Publish the latest transition of the return of a purchase."""
    buying_return = buying_returns.find(return_id)
    if buying_return is None:
        return Knowledge.UNKNOWN
    buying_return_publishers.publish_state_changed(buying_return)
    return Knowledge.KNOWN


@registry.describes(DONATING_ORDER)
def describe_donating_order(order_id: str) -> Knowledge:
    """Publish the latest transition of a donating order; a draft has none yet."""
    order = donating_orders.find(order_id)
    if order is None:
        return Knowledge.UNKNOWN
    if order.state != "draft":
        donating_order_publishers.publish_state_changed(order)
    return Knowledge.KNOWN


@registry.describes(DONATION_RETURN)
def describe_donation_return(return_id: str) -> Knowledge:
    """Publish the latest transition of the return of a donation."""
    donation_return = donation_returns.find(return_id)
    if donation_return is None:
        return Knowledge.UNKNOWN
    donation_return_publishers.publish_state_changed(donation_return)
    return Knowledge.KNOWN
