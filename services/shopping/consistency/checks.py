"""The comparison with the customer service: holds without an order, and what shopping reports about an order."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.events import Event
from libs.chassis.service_client import peer
from services.shopping.holds import hold_store, settlement
from services.shopping.holds.rules import HoldState
from services.shopping.products.product_outbox import PUBLISHED, publish_product_event
from services.shopping.products.rules import PUBLIC_STATES
from services.shopping.registry import registry
from services.shopping.returns.donor_returns import list_products_of_donation

ENDED_ORDER_STATES = frozenset({"cancelled", "expired"})


def list_active_holds(after: str, limit: int) -> Sequence[str]:
    """Orders whose hold has been active for longer than it takes to place the order."""
    return hold_store.list_active_order_ids(stuck_before(), after, limit)


def release_ended_order(event: Event) -> None:
    settlement.release_hold(event.data["order_id"])


def _ends_order(event: Event) -> bool:
    return event.type == "customer.buying_order.expired.v1" or event.data["state"] in ENDED_ORDER_STATES


@registry.describes("bor")
def describe_hold(order_id: str) -> Knowledge:
    """Publish whether the hold of an order is sold or released."""
    hold = hold_store.find_hold(order_id)
    if hold is None:
        return Knowledge.UNKNOWN
    if hold.state is not HoldState.ACTIVE:
        settlement.publish_decision(hold)
    return Knowledge.KNOWN


@registry.describes("dor")
def describe_donation(order_id: str) -> Knowledge:
    """Publish the products of a donation that are on sale, held or sold; drafts are not public yet."""
    products = list_products_of_donation(order_id)
    for product in products:
        if product.state in PUBLIC_STATES:
            publish_product_event(PUBLISHED, product)
            settlement.publish_sale(product)
    return Knowledge.KNOWN if products else Knowledge.UNKNOWN


add_checks(
    registry,
    Check(
        name="hold_without_order",
        peer=lambda: peer("customer"),
        find=list_active_holds,
        handlers={
            "customer.buying_order.state_changed.v1": release_ended_order,
            "customer.buying_order.expired.v1": release_ended_order,
        },
        decides=_ends_order,
        unknown=settlement.release_hold,
    ),
)
