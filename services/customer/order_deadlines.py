"""What time does to orders: return windows end, returns never come, and purchases stay in their box."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.deadlines import end_of_day
from libs.chassis.jobs import for_each
from libs.chassis.system_settings import setting
from services.customer import buying_orders, buying_returns
from services.customer.models import BuyingOrder, ReturnBuyingOrder

BATCH_SIZE = 100
REMIND_BEFORE = timedelta(days=2)
# A box can be without a network for a while: what was taken out in time should be known before the order ends.
LATE_NEWS = timedelta(days=1)


def expire_returns() -> None:
    """Returns whose box is held no longer are over."""
    due = select(ReturnBuyingOrder.id).where(
        ReturnBuyingOrder.state == "created", ReturnBuyingOrder.deposit_until < clock.now()
    )
    for_each(
        "expire_returns",
        due.order_by(ReturnBuyingOrder.deposit_until).limit(BATCH_SIZE),
        lambda return_id: buying_returns.happened(return_id, "expire"),
    )


def complete_orders() -> None:
    """Orders whose return window is over are complete, unless a return may still be put in its box."""
    waiting = select(ReturnBuyingOrder.id).where(
        ReturnBuyingOrder.order_id == BuyingOrder.id, ReturnBuyingOrder.state == "created"
    )
    due = select(BuyingOrder.id).where(
        BuyingOrder.state == "picked_up", BuyingOrder.return_until < clock.now(), ~waiting.exists()
    )
    for_each("complete_orders", due.order_by(BuyingOrder.return_until).limit(BATCH_SIZE), _complete)


def _complete(order_id: str) -> None:
    order = buying_orders.find(order_id, locked=True)
    if order is None or order.state != "picked_up":
        return  # another worker was faster
    kept = buying_returns.kept_products(order, buying_returns.of_order(order.id))
    if kept is not None:
        buying_orders.complete(order, kept)


def give_time_to_pick_up() -> None:
    """Orders that an older version put in their box have their time from now on."""

    def give(order: BuyingOrder) -> None:
        order.pick_up_until = end_of_day(clock.now(), setting("customer.pick_up_days"), order.pickup_time_zone)

    _for_each_in_box("give_time_to_pick_up", give, BuyingOrder.pick_up_until.is_(None))


def remind_of_pick_ups() -> None:
    """Orders that leave their box soon, each once."""
    soon = BuyingOrder.pick_up_until < clock.now() + REMIND_BEFORE
    _for_each_in_box("remind_of_pick_ups", buying_orders.remind, soon, BuyingOrder.pick_up_reminded_at.is_(None))


def end_pick_ups() -> None:
    """Orders that nobody took out of their box go back; their clothes are there when they were collected."""

    def end(order: BuyingOrder) -> None:
        buying_orders.give_up(order, "not_picked_up", missing=[item.product_id for item in order.items])

    _for_each_in_box("end_pick_ups", end, BuyingOrder.pick_up_until < clock.now() - LATE_NEWS)


def _for_each_in_box(job: str, act: Callable[[BuyingOrder], None], *conditions: ColumnElement[bool]) -> None:
    """Act on each of the orders in a box that these are true for."""
    due = select(BuyingOrder.id).where(BuyingOrder.state == "in_box", *conditions)

    def act_if_due(order_id: str) -> None:
        order = buying_orders.find(order_id, locked=True)
        if order is not None and session().scalar(due.where(BuyingOrder.id == order_id)):
            act(order)

    # An order's donations are locked after it, so two orders locked together could wait for each other.
    for_each(job, due.order_by(BuyingOrder.pick_up_until).limit(BATCH_SIZE), act_if_due)
