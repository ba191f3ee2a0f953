"""The steps of settling a refund; `jobs.py` runs them in order."""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis import clock
from libs.chassis.db import session
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.provider.stripe_client import ProviderRefund
from services.billing.refunds.processing import lock_refund, mark_completed, mark_failed
from services.billing.refunds.tables import Refund
from services.billing.settlement.rules import retry_at


@dataclass(frozen=True)
class RefundSettlement:
    """A refund that is to be settled, as it was when its transaction ended."""

    refund_id: str
    intent_id: str
    provider_refund_id: str | None
    state: str
    amount: int
    attempt: int


def begin(refund_id: str) -> RefundSettlement | None:
    """Schedule the next settlement; None if the provider has nothing to do with the refund."""
    refund = session().get_one(Refund, refund_id)
    if refund.method != "card" or refund.state == "failed":
        refund.settle_at = None
        return None
    refund.settle_at = retry_at(refund.created_at, clock.now())
    intent_id = session().get_one(Payment, refund.payment_id).provider_intent_id
    assert intent_id is not None, refund_id  # every card payment that can be refunded has an intent
    return RefundSettlement(
        refund.id, intent_id, refund.provider_refund_id, refund.state, refund.amount, refund.attempt
    )


def call_provider(settlement: RefundSettlement) -> ProviderRefund:
    """Refund the money, or read a completed refund that the bank may have sent back.

    RefundRefused, ProviderUnavailable.
    """
    if settlement.state == "completed" and settlement.provider_refund_id is not None:
        return stripe_client.read_refund(settlement.provider_refund_id)
    return stripe_client.refund(settlement.intent_id, settlement.refund_id, settlement.amount, settlement.attempt)


def complete(settlement: RefundSettlement, provider_refund: ProviderRefund) -> None:
    """Apply what the provider reports; a refund that is pending there is settled again later."""
    refund, payment, purpose = lock_refund(settlement.refund_id)
    refund.provider_refund_id = provider_refund.id
    if provider_refund.status == "succeeded":
        mark_completed(refund, payment, purpose)
        refund.settle_at = None
    elif provider_refund.status in ("failed", "canceled"):
        code = provider_refund.failure_code or provider_refund.status
        mark_failed(refund, payment, purpose, code)


def fail(settlement: RefundSettlement, code: str) -> None:
    """The provider refused the refund."""
    refund, payment, purpose = lock_refund(settlement.refund_id)
    mark_failed(refund, payment, purpose, code)
