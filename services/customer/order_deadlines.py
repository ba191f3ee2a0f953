"""What time does to orders: return windows end, and returns that were never put in the box."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from services.customer import buying_orders, buying_returns
from services.customer.models import BuyingOrder, ReturnBuyingOrder

MOST_AT_ONCE = 100


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
