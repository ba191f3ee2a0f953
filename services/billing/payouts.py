"""Payouts: the donor's share of what a donated piece was sold for (story d-po-10)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.money import Money
from libs.chassis.system_settings import setting
from services.billing.models import Payout
from services.billing.registry import registry


@dataclass(frozen=True)
class Sale:
    """A product sold to a buying order."""

    product_id: str
    buying_order_id: str
    price: Money


def share_of(price: Money, percent: int) -> Money:
    """The donor's share, rounded to the nearest minor unit, half of one up."""
    return Money((price.amount * percent + 50) // 100, price.currency)


def make(person_id: str, order_id: str, sale: Sale) -> None:
    """A payout that is due, once a sale; none when the share is nothing."""
    percent: int = setting("billing.donor_share_percent")
    share = share_of(sale.price, percent)
    if share.amount == 0 or _is_made(sale):
        return
    payout = Payout(
        id=new_id("pyo"),
        person_id=person_id,
        order_id=order_id,
        product_id=sale.product_id,
        buying_order_id=sale.buying_order_id,
        state="due",
        price=sale.price.amount,
        share_percent=percent,
        amount=share.amount,
        currency=share.currency,
        created_at=clock.now(),
    )
    session().add(payout)
    session().flush()
    data = {
        "payout_id": payout.id,
        "person_id": person_id,
        "order_id": order_id,
        "product_id": sale.product_id,
        "amount": share.to_dict(),
    }
    registry.publish("billing.payout.due.v1", subject=payout.id, data=data, version=payout.version)


def _is_made(sale: Sale) -> bool:
    known = select(Payout.id).where(
        Payout.product_id == sale.product_id, Payout.buying_order_id == sale.buying_order_id
    )
    return session().scalar(known) is not None
