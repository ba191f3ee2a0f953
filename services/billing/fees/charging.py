"""Fees for the box that a cancelled deposit occupied, and for the delivery of a returned donation.

A fee that is no longer needed becomes void while nobody has paid it; once it is paid, it is refunded.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.system_settings import setting
from services.billing.fees import publishers
from services.billing.fees.rules import LIFECYCLE, calculate_coin_price
from services.billing.fees.tables import Fee


class FeeNotPayable(Conflict):
    slug, title = "fee-not-payable", "The fee cannot be paid in its present state"


def charge_fee(kind: str, order_id: str, payer_id: str) -> None:
    """Charge an order one fee, by the present settings; a fee of 0 is paid immediately."""
    if lock_fee_of_order(order_id) is not None:
        return
    amount: int = setting(f"billing.{kind}_fee")
    now = clock.now()
    fee = Fee(
        id=new_id("fee"),
        kind=kind,
        order_id=order_id,
        payer_id=payer_id,
        state=LIFECYCLE.initial,
        amount=amount,
        currency=setting("billing.currency"),
        coins=calculate_coin_price(amount, setting("billing.coin_value")),
        created_at=now,
        changed_at=now,
    )
    session().add(fee)
    publishers.publish_due(fee)
    if amount == 0:
        mark_paid(fee, now)


def get_own_fee(fee_id: str, payer_id: str) -> Fee:
    """A fee of this payer; NotFound for the fee of another person, too."""
    fee = session().get(Fee, fee_id)
    if fee is None or fee.payer_id != payer_id:
        raise NotFound("there is no such fee")
    return fee


def lock_fee(fee_id: str) -> Fee:
    """The present row, locked. A fee is always locked before its payment."""
    fee = locked_scalar(select(Fee).where(Fee.id == fee_id))
    if fee is None:
        raise LookupError(f"there is no fee {fee_id}")
    return fee


def lock_fee_of_order(order_id: str) -> Fee | None:
    """The present row of the order's fee, locked."""
    return locked_scalar(select(Fee).where(Fee.order_id == order_id))


def mark_paid(fee: Fee, paid_at: datetime) -> None:
    fee.change_state("paid")
    fee.paid_at = paid_at
    publishers.publish_paid(fee)
