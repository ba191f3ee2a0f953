"""The steps of settling a payment or a refund; `jobs.py` runs them in order.

`begin` and `complete` are transactions, and `call_provider` is outside any.
"""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis import clock
from libs.chassis.db import session
from services.billing.payments.lifecycle import apply_intent, release
from services.billing.payments.purpose import lock_payment
from services.billing.payments.rules import SETTLED
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.provider.stripe_client import Intent, ProviderRefund
from services.billing.refunds.processing import lock_refund, mark_completed, mark_failed
from services.billing.refunds.tables import Refund
from services.billing.settlement.rules import is_abandoned, schedule_retry


@dataclass(frozen=True)
class PaymentSettlement:
    """A payment that is to be settled, as it was when its transaction ended."""

    payment_id: str
    intent_id: str
    state: str
    attempt: int
    is_for_fee: bool

    @classmethod
    def begin(cls, payment_id: str) -> PaymentSettlement | None:
        """Release the payment if it is abandoned, and schedule the next settlement; None if it has no intent."""
        payment, now = session().get_one(Payment, payment_id), clock.now()
        if is_abandoned(payment, now):
            purpose = lock_payment(payment)
            if is_abandoned(payment, now):
                release(payment, purpose)
        if payment.provider_intent_id is None:
            payment.settle_at = None
            return None
        payment.settle_at = schedule_retry(payment.changed_at, now)
        return cls(
            payment_id=payment.id,
            intent_id=payment.provider_intent_id,
            state=payment.state,
            attempt=payment.attempt,
            is_for_fee=payment.fee_id is not None,
        )

    def call_provider(self) -> tuple[Intent, bool]:
        """The intent, after it was captured or cancelled if that was due, and whether it was captured now.

        An intent whose capture the bank refused for good waits for another card; it is cancelled, which ends the
        payment. CaptureRefused, ProviderUnavailable.
        """
        intent, is_new_capture = stripe_client.read(self.intent_id), False
        if self.state == "capturing" and intent.status == "requires_capture":
            intent = stripe_client.capture(self.intent_id, self.payment_id, self.attempt)
            is_new_capture = intent.status == "succeeded"
        is_refused = self.state == "capturing" and intent.status == "requires_payment_method"
        is_ended = self.state in ("voiding", "voided", "failed")
        if (is_refused or is_ended) and intent.status not in ("canceled", "succeeded"):
            intent = stripe_client.cancel(self.intent_id, self.payment_id, self.attempt)
        return intent, is_new_capture

    def complete(self, intent: Intent) -> None:
        """Apply what the provider reports."""
        payment = session().get_one(Payment, self.payment_id)
        apply_intent(payment, lock_payment(payment), intent)
        if payment.state in SETTLED:
            payment.settle_at = None


@dataclass(frozen=True)
class RefundSettlement:
    """A refund that is to be settled, as it was when its transaction ended."""

    refund_id: str
    intent_id: str
    provider_refund_id: str | None
    state: str
    amount: int
    attempt: int

    @classmethod
    def begin(cls, refund_id: str) -> RefundSettlement | None:
        """Schedule the next settlement; None if the provider has nothing to do with the refund."""
        refund = session().get_one(Refund, refund_id)
        if refund.method != "card" or refund.state == "failed":
            refund.settle_at = None
            return None
        refund.settle_at = schedule_retry(refund.created_at, clock.now())
        intent_id = session().get_one(Payment, refund.payment_id).provider_intent_id
        assert intent_id is not None, refund_id  # every card payment that can be refunded has an intent
        return cls(refund.id, intent_id, refund.provider_refund_id, refund.state, refund.amount, refund.attempt)

    def call_provider(self) -> ProviderRefund:
        """Refund the money, or read a completed refund that the bank may have sent back.

        RefundRefused, ProviderUnavailable.
        """
        if self.state == "completed" and self.provider_refund_id is not None:
            return stripe_client.read_refund(self.provider_refund_id)
        return stripe_client.refund(self.intent_id, self.refund_id, self.amount, self.attempt)

    def complete(self, provider_refund: ProviderRefund) -> None:
        """Apply what the provider reports; a refund that is pending there is settled again later."""
        refund, payment, purpose = lock_refund(self.refund_id)
        refund.provider_refund_id = provider_refund.id
        if provider_refund.status == "succeeded":
            mark_completed(refund, payment, purpose)
            refund.settle_at = None
        elif provider_refund.status in ("failed", "canceled"):
            mark_failed(refund, payment, purpose, provider_refund.failure_code or provider_refund.status)

    def fail(self, code: str) -> None:
        """The provider refused the refund."""
        refund, payment, purpose = lock_refund(self.refund_id)
        mark_failed(refund, payment, purpose, code)
