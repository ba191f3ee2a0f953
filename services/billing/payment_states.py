"""The states of a payment, and finding and locking payments.

What a payment is for is locked before it, always: the fee, or the buying order as billing knows it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.billing import fees, purchases
from services.billing.models import Fee, Payment, Purchase, Refund

# What ended can be taken all the same, when the bank's news comes late: then it goes back by itself.
MOVES: dict[str, frozenset[str]] = {
    "created": frozenset({"requires_action", "authorized", "failed", "voiding", "voided"}),
    "requires_action": frozenset({"authorized", "failed", "voiding", "voided"}),
    "authorized": frozenset({"capturing", "voiding", "voided"}),
    "capturing": frozenset({"captured", "voided"}),
    "voiding": frozenset({"voided", "captured"}),
    "captured": frozenset({"refunding"}),
    "refunding": frozenset({"refunded", "captured"}),
    "voided": frozenset({"captured"}),
    "failed": frozenset({"captured"}),
    "refunded": frozenset({"captured"}),  # a refund came back from the bank
}
ENDED = frozenset({"voided", "failed", "refunded"})
UNDER_WAY = frozenset({"created", "requires_action", "authorized"})
SETTLED_AT_ONCE = frozenset({"capturing", "voiding", "failed"})
NEWS_WITHIN = timedelta(seconds=60)


class IllegalTransition(Conflict):
    slug, title = "illegal-transition", "The payment cannot do that in its present state"


def move(payment: Payment, state: str) -> None:
    """Bring a payment into another state; IllegalTransition when the table above does not have that."""
    if state not in MOVES[payment.state]:
        raise IllegalTransition(f"a payment that is {payment.state} cannot become {state}")
    payment.state = state
    payment.changed_at = clock.now()
    if state in ENDED:
        payment.live_order_id = None
    payment.settle_at = _settle_at(payment)


def _settle_at(payment: Payment) -> datetime | None:
    """When to ask the provider next about a payment that has just moved."""
    if payment.state in SETTLED_AT_ONCE and payment.method == "card" and payment.provider_intent_id:
        return clock.now()
    return clock.now() + NEWS_WITHIN if payment.state == "requires_action" else None


def find(payment_id: str) -> Payment | None:
    return session().get(Payment, payment_id)


def get_own(payment_id: str, buyer_id: str) -> Payment:
    """An own payment; NotFound for somebody else's too (domain rule 5)."""
    payment = find(payment_id)
    if payment is None or payment.buyer_id != buyer_id:
        raise NotFound
    return payment


def live_payment_of(order_id: str) -> Payment | None:
    """The payment of an order that may still succeed, or has."""
    return session().scalar(select(Payment).where(Payment.live_order_id == order_id))


def taken_payment_of(order_id: str) -> Payment | None:
    """The payment whose money or coins an order was sold for, also when all of it is back."""
    given_back_at_once = select(Refund.payment_id).where(Refund.order_id == order_id, Refund.reason == "late")
    taken = select(Payment).where(
        Payment.order_id == order_id, Payment.captured_at.is_not(None), Payment.id.not_in(given_back_at_once)
    )
    return session().scalar(taken)


def lock(payment: Payment) -> Fee | Purchase:
    """Lock what the payment is for, then read the payment again under its own lock."""
    subject: Fee | Purchase
    subject = purchases.locked(payment.order_id) if payment.fee_id is None else fees.locked(payment.fee_id)
    session().refresh(payment, with_for_update=True)
    return subject
