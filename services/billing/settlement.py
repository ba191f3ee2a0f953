"""Doing at the provider what was decided here: capture, give back, or just look for news that did not come.

Each payment that is due is read from the provider first, so that nothing is done twice, and acted on outside any
transaction. While the provider is away it stays due and is tried again after a growing wait.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import session, unit_of_work
from services.billing import card_provider, payments
from services.billing.card_provider import Intent, ProviderUnavailable
from services.billing.models import Payment

AT_ONCE = 20
AGAIN_AFTER = timedelta(seconds=30)
ABANDONED_AFTER = timedelta(hours=1)


def settle_due() -> None:
    """Settle what is due, longest waiting first."""
    with unit_of_work(reads_only=True) as db:
        due = select(Payment.id).where(Payment.settle_at <= clock.now())
        ids = list(db.scalars(due.order_by(Payment.settle_at).limit(AT_ONCE)))
    for payment_id in ids:
        try:
            settle(payment_id)
        except ProviderUnavailable:
            return


def settle(payment_id: str) -> None:
    """Bring one payment to where it is meant to be; ProviderUnavailable leaves it due."""
    with unit_of_work():
        payment = session().get_one(Payment, payment_id)
        if payment.fee_id is not None and _is_abandoned(payment):
            payments.give_back_for(payment.order_id)
        state, intent_id, is_fee = payment.state, payment.provider_intent_id, payment.fee_id is not None
        payment.settle_at = clock.now() + AGAIN_AFTER if intent_id else None
    if intent_id is None:
        return
    if state == "refunding":
        _refund(intent_id, payment_id)
        return
    intent, just_captured = _act(state, intent_id, payment_id)
    if is_fee or not just_captured:  # else the signed webhook says so, and if it is lost the next look does
        with unit_of_work():
            payments.apply(session().get_one(Payment, payment_id), intent)
    logs.get_logger(__name__).info("settled", payment_id=payment_id, was=state, provider_says=intent.status)


def _is_abandoned(payment: Payment) -> bool:
    """Whether the payment of a fee was left alone half way; an order's payment ends with the order instead."""
    is_half_way = payment.state in ("created", "requires_action")
    return is_half_way and payment.created_at < clock.now() - ABANDONED_AFTER


def capture_at_once(payment: Payment) -> None:
    """Take the money of a fee now, after the bank agreed; while the provider is away, settling does it later."""
    if payment.fee_id is None or payment.state != "capturing":
        return
    session().commit()
    with suppress(ProviderUnavailable):
        settle(payment.id)
    session().refresh(payment)


def _refund(intent_id: str, payment_id: str) -> None:
    if not card_provider.refund(intent_id, payment_id):
        logs.get_logger(__name__).error("refund not done yet", payment_id=payment_id)
        return
    with unit_of_work():
        payments.mark_refunded(session().get_one(Payment, payment_id))
    logs.get_logger(__name__).info("refunded", payment_id=payment_id)


def _act(state: str, intent_id: str, payment_id: str) -> tuple[Intent, bool]:
    """What the provider says after we asked for what is meant, and whether that was a capture."""
    intent = card_provider.read(intent_id)
    if state == "capturing" and intent.status == "requires_capture":
        return card_provider.capture(intent_id, payment_id), True
    if state == "voiding" and intent.status not in ("canceled", "succeeded"):
        return card_provider.cancel(intent_id, payment_id), False
    return intent, False
