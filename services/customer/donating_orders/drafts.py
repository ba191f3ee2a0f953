"""Drafts of donating orders and their items (stories d-pr-01, d-pr-02)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.chassis import clock
from libs.chassis.db import session
from services.customer.donating_orders.queries import donating_orders
from services.customer.donating_orders.rules import LIFECYCLE, MAX_ITEMS, TooManyItems, get_item, require_editable
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder, DonatingOrderTimelineEntry

ITEM_FIELDS = ("category", "size", "brand", "colour", "condition", "story")


def create(order_id: str, donor_id: str) -> DonatingOrder:
    """Create an empty draft; idempotent for an `order_id`."""
    existing = donating_orders.find(order_id)
    if existing is not None:
        return existing
    now = clock.now()
    order = DonatingOrder(
        id=order_id,
        donor_id=donor_id,
        state=LIFECYCLE.initial,
        created_at=now,
        items=[],
        timeline=[DonatingOrderTimelineEntry(state=LIFECYCLE.initial, at=now)],
    )
    session().add(order)
    session().flush()
    return order


def get_own(order_id: str, donor_id: str) -> DonatingOrder:
    """A draft of this donor, locked. NotFound, NotEditable."""
    order = donating_orders.get_own(order_id, donor_id, locked=True)
    require_editable(order)
    return order


def add_item(order: DonatingOrder, item_id: str, description: Mapping[str, Any]) -> DonatingItem:
    """Add an item; idempotent for an `item_id`. TooManyItems."""
    for item in order.items:
        if item.id == item_id:
            return item
    if len(order.items) >= MAX_ITEMS:
        raise TooManyItems(f"an order has at most {MAX_ITEMS} items; create another one")
    item = DonatingItem(id=item_id, photos=[], **{name: description.get(name) for name in ITEM_FIELDS})
    order.items.append(item)
    session().flush()
    return item


def change_item(item: DonatingItem, changes: Mapping[str, Any]) -> None:
    """Change the given fields."""
    for name, value in changes.items():
        setattr(item, name, value)
    session().flush()


def remove_item(order: DonatingOrder, item_id: str) -> None:
    order.items.remove(get_item(order, item_id))
