"""Applying webhook events of the payment provider to payments and refunds.

A dispute is a discrepancy until it has ended; staff respond to the bank at the provider. When the bank gave the
money back, that is another discrepancy.
"""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock, logs
from libs.chassis.db import session
from services.billing.payments.lifecycle import mark_captured
from services.billing.payments.purpose import lock_payment
from services.billing.payments.tables import Payment
from services.billing.provider.tables import ProviderEvent
from services.billing.provider.webhook_parser import Dispute, WebhookEvent
from services.billing.reconciliation import payment_discrepancies
from services.billing.refunds.tables import Refund

WITHDRAWN_STATUSES = frozenset({"won", "warning_closed"})


def handle_event(event: WebhookEvent) -> None:
    """Apply an event once. A capture is applied directly if its amount is ours.

    Other events only schedule a settlement, which reads the present state: events overtake each other.
    """
    if session().get(ProviderEvent, event.id) is not None:
        return
    session().add(ProviderEvent(id=event.id, type=event.type, received_at=clock.now()))
    session().flush()
    payment = session().scalar(select(Payment).where(Payment.provider_intent_id == event.intent_id))
    if event.is_refund:
        _handle_refund(event)
    elif event.dispute is not None:
        _handle_dispute(event.dispute, event, payment)
    elif payment is None:
        return
    elif event.type == "payment_intent.succeeded":
        _handle_capture(payment, event)
    elif event.type.startswith("payment_intent.") and payment.state not in ("created", "captured", "refunding"):
        payment.settle_at = clock.now()


def _handle_capture(payment: Payment, event: WebhookEvent) -> None:
    if event.money != payment.money:
        logs.get_logger(__name__).critical("provider reports another amount", payment_id=payment.id)
        return
    purpose = lock_payment(payment)
    mark_captured(payment, purpose)


def _handle_refund(event: WebhookEvent) -> None:
    refund = session().get(Refund, event.refund_id) if event.refund_id else None
    if refund is None:
        return
    if refund.state == "pending" or (refund.state == "completed" and event.type == "refund.failed"):
        refund.settle_at = clock.now()


def _handle_dispute(dispute: Dispute, event: WebhookEvent, payment: Payment | None) -> None:
    """Report or resolve a dispute; a late event does not reopen one that has ended."""
    payment_id = payment.id if payment else None
    if not payment_discrepancies.is_resolved("dispute", dispute.id):
        detail = f"the buyer disputed {event.money} ({dispute.reason})"
        payment_discrepancies.report("dispute", dispute.id, detail, payment_id=payment_id)
    if dispute.status in WITHDRAWN_STATUSES:
        payment_discrepancies.resolve("dispute", dispute.id)
        payment_discrepancies.resolve("dispute_lost", dispute.id)
    if dispute.status == "lost":
        payment_discrepancies.resolve("dispute", dispute.id)
        detail = f"the bank gave back {event.money} ({dispute.reason})"
        payment_discrepancies.report("dispute_lost", dispute.id, detail, payment_id=payment_id)
