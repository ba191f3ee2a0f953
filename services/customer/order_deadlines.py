"""What time does to orders: return windows end, returns never come, and purchases stay in their box."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import ColumnElement, select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.system_settings import setting
from services.customer import buying_orders, buying_returns
from services.customer.models import BuyingOrder, ReturnBuyingOrder

MOST_AT_ONCE = 100
REMIND_BEFORE = timedelta(days=2)
# A box can be without a network for a while: what was taken out in time should be known before the order ends.
LATE_NEWS = timedelta(days=1)


def expire_returns() -> None:
    """Returns whose box is held no longer are over."""
    due = select(ReturnBuyingOrder.id).where(
        ReturnBuyingOrder.state == "created", ReturnBuyingOrder.deposit_until < clock.now()
    )
    for return_id in session().scalars(due.order_by(ReturnBuyingOrder.deposit_until).limit(MOST_AT_ONCE)).all():
        buying_returns.happened(return_id, "expire")


def complete_orders() -> None:
    """Orders whose return window is over are complete, unless a return may still be put in its box."""
    waiting = select(ReturnBuyingOrder.id).where(
        ReturnBuyingOrder.order_id == BuyingOrder.id, ReturnBuyingOrder.state == "created"
    )
    due = select(BuyingOrder.id).where(
        BuyingOrder.state == "picked_up", BuyingOrder.return_until < clock.now(), ~waiting.exists()
    )
    for order_id in session().scalars(due.order_by(BuyingOrder.return_until).limit(MOST_AT_ONCE)).all():
        _complete(order_id)


def _complete(order_id: str) -> None:
    order = buying_orders.find(order_id, locked=True)
    if order is None or order.state != "picked_up":
        return  # another worker was faster
    kept = buying_returns.kept_products(order)
    if kept is not None:
        buying_orders.complete(order, kept)


def give_time_to_pick_up() -> None:
    """Orders that an older version put in their box have their time from now on."""
    moment = clock.now()
    for order in _locked_in_box(BuyingOrder.pick_up_until.is_(None)):
        order.pick_up_until = moment + timedelta(days=setting("customer.pick_up_days"))


def remind_of_pick_ups() -> None:
    """Orders that leave their box soon, each once."""
    soon = BuyingOrder.pick_up_until < clock.now() + REMIND_BEFORE
    for order in _locked_in_box(soon, BuyingOrder.pick_up_reminded_at.is_(None)):
        buying_orders.remind(order)


def end_pick_ups() -> None:
    """Orders that nobody took out of their box go back; their clothes are there when they were collected."""
    for order in _locked_in_box(BuyingOrder.pick_up_until < clock.now() - LATE_NEWS):
        buying_orders.give_up(order, "not_picked_up", goods_are_there=False)


def _locked_in_box(*conditions: ColumnElement[bool]) -> Iterator[BuyingOrder]:
    """Those of the orders in a box that these are true for, unless they moved meanwhile."""
    due = select(BuyingOrder.id).where(BuyingOrder.state == "in_box", *conditions)
    for order_id in session().scalars(due.order_by(BuyingOrder.pick_up_until).limit(MOST_AT_ONCE)).all():
        order = buying_orders.find(order_id, locked=True)
        if order is not None and order.state == "in_box":
            yield order
