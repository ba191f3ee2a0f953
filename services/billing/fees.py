"""Fees: for the box that a cancelled deposit occupied, and for the delivery of a returned donation.

A fee that is no longer needed is void while nobody has paid it; once it is paid, its money or coins go back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from libs.chassis.system_settings import setting
from services.billing.models import Fee
from services.billing.registry import registry

# A void fee is paid all the same when its money was being taken at that moment: it goes back too.
MOVES: dict[str, frozenset[str]] = {
    "due": frozenset({"paid", "void"}),
    "paid": frozenset({"refunding"}),
    "void": frozenset({"refunding"}),
    "refunding": frozenset({"refunded"}),
    "refunded": frozenset(),
}


class IllegalTransition(Conflict):
    slug, title = "illegal-transition", "The fee cannot do that in its present state"


class FeeNotPayable(Conflict):
    slug, title = "fee-not-payable", "The fee cannot be paid in its present state"


def move(fee: Fee, state: str) -> None:
    """Bring a fee into another state; IllegalTransition when the table above does not have that."""
    if state not in MOVES[fee.state]:
        raise IllegalTransition(f"a fee that is {fee.state} cannot become {state}")
    fee.state, fee.changed_at = state, clock.now()


def make(kind: str, order_id: str, payer_id: str) -> None:
    """A fee of `kind` for an order, once, as the settings are now; one of 0 is paid from the start."""
    if locked_of(order_id) is not None:
        return
    amount: int = setting(f"billing.{kind}_fee")
    moment = clock.now()
    fee = Fee(
        id=new_id("fee"),
        kind=kind,
        order_id=order_id,
        payer_id=payer_id,
        state="due",
        amount=amount,
        currency=setting("billing.currency"),
        coins=in_coins(amount, setting("billing.coin_value")),
        created_at=moment,
        changed_at=moment,
    )
    session().add(fee)
    _publish(fee, "due")
    if amount == 0:
        mark_paid(fee, moment)


def in_coins(amount: int, coin_value: int) -> int:
    """What an amount costs in coins of `coin_value` minor units each, rounded up to a whole coin."""
    return -(-amount // coin_value)


def get_own(fee_id: str, payer_id: str) -> Fee:
    """An own fee; NotFound for somebody else's too (domain rule 5)."""
    fee = session().get(Fee, fee_id)
    if fee is None or fee.payer_id != payer_id:
        raise NotFound("there is no such fee")
    return fee


def locked(fee_id: str) -> Fee:
    """A fee as it is now, locked. It is locked before its payment, always."""
    fee = locked_scalar(select(Fee).where(Fee.id == fee_id))
    if fee is None:
        raise LookupError(f"there is no fee {fee_id}")
    return fee


def locked_of(order_id: str) -> Fee | None:
    """The fee of an order as it is now, locked."""
    return locked_scalar(select(Fee).where(Fee.order_id == order_id))


def refuse_unless_due(fee: Fee) -> None:
    """FeeNotPayable when it is paid, or no longer needed."""
    if fee.state != "due":
        raise FeeNotPayable(f"the fee is {fee.state}")


def mark_paid(fee: Fee, paid_at: datetime) -> None:
    move(fee, "paid")
    fee.paid_at = paid_at
    announce_paid(fee)


def announce_paid(fee: Fee) -> None:
    """Publish that a fee is paid."""
    _publish(fee, "paid", paid_at=clock.rfc3339(fee.paid_at))


def _publish(fee: Fee, what: str, **more: object) -> None:
    session().flush()
    data = {
        "fee_id": fee.id,
        "kind": fee.kind,
        "order_id": fee.order_id,
        "payer_id": fee.payer_id,
        "amount": fee.money.to_dict(),
    }
    registry.publish(f"billing.fee.{what}.v1", subject=fee.id, data=data | more, version=fee.version)
