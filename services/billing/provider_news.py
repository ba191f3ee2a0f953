"""What a signed event of the provider means for our payments and refunds.

A disputed payment is a matter for staff: they answer the bank at the provider. It is a finding until it has ended;
when the bank gave the money back, that is another one.
"""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.money import Money
from services.billing import findings, payment_states, payments
from services.billing.models import Payment, ProviderEvent, Refund
from services.billing.provider_notices import Dispute, Notice

WITHDRAWN_DISPUTE = frozenset({"won", "warning_closed"})


def take_notice(notice: Notice) -> None:
    """A signed event of the provider, once. What it says of money being taken counts, if the amount is ours; of all
    else it only makes us look, because events overtake each other."""
    if session().get(ProviderEvent, notice.event_id) is not None:
        return
    session().add(ProviderEvent(id=notice.event_id, type=notice.type, received_at=clock.now()))
    session().flush()
    payment = session().scalar(select(Payment).where(Payment.provider_intent_id == notice.intent_id))
    if notice.is_refund:
        _take_news_of_refund(notice)
    elif notice.dispute is not None:
        _take_news_of_dispute(notice.dispute, notice, payment)
    elif payment is None:
        return
    elif notice.type == "payment_intent.succeeded":
        _take_news_of_capture(payment, notice)
    elif notice.type.startswith("payment_intent.") and payment.state not in ("created", "captured", "refunding"):
        payment.settle_at = clock.now()


def _take_news_of_capture(payment: Payment, notice: Notice) -> None:
    if (notice.amount, notice.currency) != (payment.amount, payment.currency):
        logs.get_logger(__name__).critical("the provider names another amount", payment_id=payment.id)
        return
    payments.mark_taken(payment, payment_states.lock(payment))


def _take_news_of_refund(notice: Notice) -> None:
    refund = session().get(Refund, notice.refund_id) if notice.refund_id else None
    if refund is None:
        return
    if refund.state == "pending" or (refund.state == "made" and notice.type == "refund.failed"):
        refund.settle_at = clock.now()


def _take_news_of_dispute(dispute: Dispute, notice: Notice, payment: Payment | None) -> None:
    """What is told late opens nothing again that has ended."""
    payment_id, money = payment.id if payment else None, Money(notice.amount, notice.currency)
    if not findings.was_mended("dispute", dispute.id):
        detail = f"the bank was asked for {money} ({dispute.reason})"
        findings.report("dispute", dispute.id, detail, payment_id=payment_id)
    if dispute.status in WITHDRAWN_DISPUTE:
        findings.mended("dispute", dispute.id)
        findings.mended("dispute_lost", dispute.id)
    if dispute.status == "lost":
        findings.mended("dispute", dispute.id)
        detail = f"the bank gave back {money} ({dispute.reason})"
        findings.report("dispute_lost", dispute.id, detail, payment_id=payment_id)
