"""Comparison with customer: holds without an order, and what shopping knows of the hold of an order."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.consistency import Check, Knowledge, add_checks, stuck_before
from libs.chassis.events import Event
from libs.chassis.service_client import peer
from services.shopping import announcements, events, hold_store, holds, product_return_store
from services.shopping.hold_store import HoldState
from services.shopping.products import ProductState

registry = events.registry

OFFERED = frozenset({ProductState.PUBLISHED, ProductState.HELD, ProductState.SOLD})
ENDED = frozenset({"cancelled", "expired"})


def active_holds(after: str, limit: int) -> Sequence[str]:
    """Orders with a hold that is older than a placement takes."""
    return hold_store.active_order_ids(stuck_before(), after, limit)


def release_ended_order(event: Event) -> None:
    holds.release_hold(event.data["order_id"])


def _ends_order(event: Event) -> bool:
    return event.type == "customer.buying_order.expired.v1" or event.data["state"] in ENDED


@registry.describes("bor")
def describe_hold(order_id: str) -> Knowledge:
    """Whether the hold of an order is active, sold or released."""
    hold = hold_store.find_hold(order_id)
    if hold is None:
        return Knowledge.UNKNOWN
    if hold.state is not HoldState.ACTIVE:
        holds.announce_decision(hold)
    return Knowledge.KNOWN


@registry.describes("dor")
def describe_donation(order_id: str) -> Knowledge:
    """The products of a donation that are on sale, held or sold; drafts are not there for others yet."""
    products = product_return_store.products_of_donation(order_id)
    for product in products:
        if product.state in OFFERED:
            announcements.announce_published(product)
            holds.announce_sale(product)
    return Knowledge.KNOWN if products else Knowledge.UNKNOWN


add_checks(
    registry,
    Check(
        name="hold_without_order",
        peer=lambda: peer("customer"),
        find=active_holds,
        handlers={
            "customer.buying_order.state_changed.v1": release_ended_order,
            "customer.buying_order.expired.v1": release_ended_order,
        },
        decides=_ends_order,
        unknown=holds.release_hold,
    ),
)
