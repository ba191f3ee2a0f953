"""The rules of donating orders: from the draft to the shelf, the factory or back to the donor (stories d-pr-01 to
d-po-10, rd-c-01 to rd-c-04)."""

from __future__ import annotations

from datetime import datetime

from libs.chassis import text_normalization
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.state_machine import StateMachine
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder

ID_PREFIX = "dor"
LIFECYCLE = StateMachine(
    name="donating order",
    initial="draft",
    transitions={
        "submit": {"draft": "submitted"},
        # The door may be open while the order is cancelled: clothes in the box are a deposit all the same.
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
MAX_ITEMS = 20


class OrderEmpty(Unprocessable):
    slug, title = "order-empty", "The order has no items"


class TooManyItems(Conflict):
    slug, title = "too-many-items", "The order has the maximum number of items"


class NotEditable(Conflict):
    slug, title = "illegal-transition", "The order can no longer be edited"


class ItemNotFound(NotFound):
    slug, title = "item-not-found", "The item does not exist"


def require_editable(order: DonatingOrder) -> None:
    """NotEditable unless the order is a draft."""
    if order.state != "draft":
        raise NotEditable(f"it is {order.state}; only a draft can be changed")


def needs_box(order: DonatingOrder, location_id: str, now: datetime) -> bool:
    """Whether submitting needs a box: False when the order is submitted there already and its box is still held.

    IllegalTransition, OrderEmpty.
    """
    if order.state == "submitted":
        if order.held_until is not None and order.held_until <= now:
            return True
        if order.location_id == location_id:
            return False
    LIFECYCLE.apply(order.state, "submit")
    if not order.items:
        raise OrderEmpty("add an item first")
    return True


def has_story(order: DonatingOrder) -> bool:
    """Whether an item has a story with visible text: blank characters earn no reward."""
    return any(text_normalization.normalise(item.story or "") for item in order.items)


def get_item(order: DonatingOrder, item_id: str) -> DonatingItem:
    """The item of the order with this id. ItemNotFound."""
    for item in order.items:
        if item.id == item_id:
            return item
    raise ItemNotFound
