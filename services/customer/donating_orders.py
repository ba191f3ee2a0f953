"""Donating orders: from the draft to the shelf, the factory or back to the donor (stories d-pr-01 to d-po-10).

What people do raises IllegalTransition (409) when the state does not allow it. What has happened elsewhere (a door
was used, a check was done) is a fact: it moves the order, waits for an earlier event, or is stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis import clock, text_normalization
from libs.chassis.db import locked_scalar, session
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.state_machine import EventTiming, StateMachine
from services.customer.models import (
    DonatingItem,
    DonatingOrder,
    DonatingTimelineEntry,
    FirstDonation,
)
from services.customer.registry import registry

MACHINE = StateMachine(
    name="donation",
    initial="draft",
    transitions={
        "submit": {"draft": "submitted"},
        # The door may be open while its order is cancelled: clothes in a box are a deposit all the same.
        "deposit": {"submitted": "deposited", "cancelled": "deposited"},
        "cancel": {"draft": "cancelled", "submitted": "cancelled", "deposited": "cancelling"},
        "withdraw": {"cancelling": "cancelled"},
        "collect": {"deposited": "collected", "cancelling": "collected"},
        "check_good": {"collected": "checked_good"},
        "check_bad": {"collected": "checked_bad"},
        "list": {"checked_good": "listed"},
        "sell": {"listed": "sold"},
        "undo_sale": {"sold": "listed"},
        "recycle": {"checked_bad": "recycled"},
        "begin_return": {"collected": "returning", "checked_good": "returning", "listed": "returning"},
        "finish_return": {"returning": "returned"},
    },
    reverting=frozenset({"undo_sale"}),
)
EDITABLE = "draft"
MOST_ITEMS = 20
ITEM_FIELDS = ("category", "size", "brand", "colour", "condition", "story")


class OrderEmpty(Unprocessable):
    slug, title = "order-empty", "The order has no items"


class TooManyItems(Conflict):
    slug, title = "too-many-items", "The order has as many items as it can have"


class NotEditable(Conflict):
    slug, title = "illegal-transition", "The order cannot be changed any more"


class ItemNotFound(NotFound):
    slug, title = "item-not-found", "There is no such item"


@dataclass(frozen=True)
class BoxHold:
    """A box that locker holds for a donation until a time."""

    box_id: str
    box_label: str
    location_id: str
    location_name: str
    until: datetime


def draft(order_id: str, donor_id: str) -> DonatingOrder:
    """A new draft; the same `order_id` again is the order that is there."""
    known = find(order_id)
    if known is not None:
        return known
    moment = clock.now()
    order = DonatingOrder(
        id=order_id,
        donor_id=donor_id,
        state="draft",
        created_at=moment,
        items=[],
        timeline=[DonatingTimelineEntry(state="draft", at=moment)],
    )
    session().add(order)
    session().flush()
    return order


def find(order_id: str, *, locked: bool = False) -> DonatingOrder | None:
    """The order with its items, their photos and its timeline; `locked` until the end of the unit of work."""
    parts = (
        selectinload(DonatingOrder.items).selectinload(DonatingItem.photos),
        selectinload(DonatingOrder.timeline),
    )
    statement = select(DonatingOrder).where(DonatingOrder.id == order_id).options(*parts)
    if not locked:
        return session().scalar(statement)
    return locked_scalar(statement)


def get(order_id: str) -> DonatingOrder:
    """An order by its id; NotFound."""
    order = find(order_id)
    if order is None:
        raise NotFound
    return order


def get_own(order_id: str, donor_id: str, *, locked: bool = False) -> DonatingOrder:
    """An own order; NotFound for somebody else's too (domain rule 5)."""
    order = find(order_id, locked=locked)
    if order is None or order.donor_id != donor_id:
        raise NotFound
    return order


def get_own_draft(order_id: str, donor_id: str) -> DonatingOrder:
    """An own order that can still be edited, locked; NotFound, NotEditable."""
    order = get_own(order_id, donor_id, locked=True)
    if order.state != EDITABLE:
        raise NotEditable(f"it is {order.state}; only a draft can be changed")
    return order


def add_item(order: DonatingOrder, item_id: str, described: Mapping[str, Any]) -> DonatingItem:
    """Add a piece; the same `item_id` again is the piece that is there. TooManyItems."""
    for item in order.items:
        if item.id == item_id:
            return item
    if len(order.items) >= MOST_ITEMS:
        raise TooManyItems(f"an order has at most {MOST_ITEMS} items; begin another one")
    item = DonatingItem(id=item_id, photos=[], **{name: described.get(name) for name in ITEM_FIELDS})
    order.items.append(item)
    session().flush()
    return item


def item_of(order: DonatingOrder, item_id: str) -> DonatingItem:
    for item in order.items:
        if item.id == item_id:
            return item
    raise ItemNotFound


def change_item(item: DonatingItem, changes: Mapping[str, Any]) -> None:
    """Change what is named and leave the rest."""
    for name, value in changes.items():
        setattr(item, name, value)
    session().flush()


def remove_item(order: DonatingOrder, item_id: str) -> None:
    order.items.remove(item_of(order, item_id))


def needs_box(order: DonatingOrder, location_id: str) -> bool:
    """Whether a submission has to ask for a box: False when it is done already and the box still held.

    IllegalTransition, OrderEmpty.
    """
    if order.state == "submitted":
        if order.held_until is not None and order.held_until <= clock.now():
            return True
        if order.location_id == location_id:
            return False
    MACHINE.apply(order.state, "submit")
    if not order.items:
        raise OrderEmpty("add an item first")
    return True


def submit(order: DonatingOrder, hold: BoxHold) -> None:
    """The order waits for its clothes in a held box; a submitted one whose hold ran out has a new one."""
    order.location_id, order.location_name = hold.location_id, hold.location_name
    order.box_id, order.box_label, order.held_until = hold.box_id, hold.box_label, hold.until
    if order.state != "submitted":
        move(order, "submit")


def cancel(order: DonatingOrder) -> None:
    """Cancel (stories rd-c-01, rd-c-02); a deposit is cancelled when the donor has taken the clothes out.

    IllegalTransition when the order cannot be cancelled.
    Repeated it changes nothing.
    """
    if order.state in ("cancelling", "cancelled"):
        return
    move(order, "cancel")


def move(order: DonatingOrder, name: str) -> None:
    """Make a move and tell of it; IllegalTransition."""
    become(order, MACHINE.apply(order.state, name))


def become(order: DonatingOrder, state: str) -> None:
    """Bring an order into a state, note it in the timeline and publish it."""
    before, moment = order.state, clock.now()
    order.state = state
    order.timeline.append(DonatingTimelineEntry(state=state, at=moment))
    if state == "deposited":
        order.is_first = _claim_first(order)
    if state in ("cancelled", "returned"):
        _forget_first(order)
    session().flush()
    announce(order, before)


def announce(order: DonatingOrder, before: str | None) -> None:
    """Publish the present state of an order, into which it came from `before`."""
    data = {
        "order_id": order.id,
        "donor_id": order.donor_id,
        "state": order.state,
        "previous_state": before,
        "location_id": order.location_id,
        "location_name": order.location_name,
        "has_story": has_story(order),
        "is_first": order.is_first,
        "item_ids": [item.id for item in order.items],
        "at": clock.rfc3339(order.timeline[-1].at),
    }
    registry.publish("customer.donating_order.state_changed.v1", subject=order.id, data=data, version=order.version)


def has_story(order: DonatingOrder) -> bool:
    """Whether a piece has a story that somebody can read: blank characters earn no reward."""
    return any(text_normalization.normalise(item.story or "") for item in order.items)


def happened(order_id: str, name: str) -> DonatingOrder | None:
    """Something has happened to the order elsewhere; the order when that moved it.

    LookupError when something that must have happened before is not known yet: the event is tried again.
    """
    order = find(order_id, locked=True)
    fact = EventTiming.EARLY if order is None else MACHINE.classify(order.state, name)
    if fact == EventTiming.EARLY or order is None:
        raise LookupError(f"donating order {order_id} cannot {name} yet")
    if fact == EventTiming.STALE:
        return None
    move(order, name)
    return order


def checked(order_id: str, result: str) -> None:
    """The clothes were checked: `good` or `bad`. An order on its way back keeps the result for later."""
    order = find(order_id, locked=True)
    if order is not None and order.state == "returning":
        order.check_result = result
        return
    moved = happened(order_id, f"check_{result}")
    if moved is not None:
        moved.check_result = result


def product_listed(order_id: str, item_id: str, product_id: str) -> None:
    """A piece is on sale; the order is listed with its first one."""
    order = happened(order_id, "list") or find(order_id, locked=True)
    if order is not None:
        _note_product(order, item_id, product_id)


def product_sold(order_id: str, item_id: str, product_id: str, *, sale_stands: bool) -> None:
    """A piece has a buyer, who has paid for it when `sale_stands`; LookupError while the order is not listed."""
    order = find(order_id, locked=True)
    if order is None or MACHINE.classify(order.state, "sell") == EventTiming.EARLY:
        raise LookupError(f"donating order {order_id} is not known as listed yet")
    _note_product(order, item_id, product_id)
    if sale_stands:
        _mark_sold(order, [product_id])


def sold(product_ids: Sequence[str]) -> None:
    """The buyer of these products has paid. One that is not known yet is told of by shopping, too."""
    for order in _orders_with(product_ids):
        _mark_sold(order, product_ids)


def _mark_sold(order: DonatingOrder, product_ids: Sequence[str]) -> None:
    """The order is sold with its last piece."""
    for item in order.items:
        item.is_sold = item.is_sold or item.product_id in product_ids
    if order.state == "listed" and all(item.is_sold for item in order.items):
        move(order, "sell")


def sale_undone(product_ids: Sequence[str]) -> None:
    """The sale of these products was cancelled, or they came back good: their donations are on offer again."""
    for order in _orders_with(product_ids):
        for item in order.items:
            item.is_sold = item.is_sold and item.product_id not in product_ids
        if order.state == "sold" and not all(item.is_sold for item in order.items):
            move(order, "undo_sale")


def _orders_with(product_ids: Sequence[str]) -> list[DonatingOrder]:
    """The donations that these products are from, locked, in one order for everybody."""
    wanted = select(DonatingItem.order_id).where(DonatingItem.product_id.in_(product_ids)).distinct()
    locked = (find(order_id, locked=True) for order_id in sorted(session().scalars(wanted)))
    return [order for order in locked if order is not None]


def _note_product(order: DonatingOrder, item_id: str, product_id: str) -> None:
    for item in order.items:
        if item.id == item_id:
            item.product_id = product_id


def _claim_first(order: DonatingOrder) -> bool:
    """Whether this is the donor's first deposit; two at once meet at the primary key, and one is tried again."""
    found = session().get(FirstDonation, order.donor_id)
    if found is None:
        session().add(FirstDonation(donor_id=order.donor_id, order_id=order.id))
        return True
    return found.order_id == order.id


def _forget_first(order: DonatingOrder) -> None:
    """Clothes that the donor has back were no donation: the next one is the first."""
    found = session().get(FirstDonation, order.donor_id)
    if found is not None and found.order_id == order.id:
        session().delete(found)
