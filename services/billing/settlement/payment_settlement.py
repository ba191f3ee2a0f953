"""The steps of settling a payment; `jobs.py` runs them in order."""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis import clock
from libs.chassis.db import session
from services.billing.payments.lifecycle import apply_intent, release
from services.billing.payments.purpose import lock_payment
from services.billing.payments.rules import SETTLED
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.provider.stripe_client import Intent
from services.billing.settlement.rules import is_abandoned, retry_at


@dataclass(frozen=True)
class PaymentSettlement:
    """A payment that is to be settled, as it was when its transaction ended."""

    payment_id: str
    intent_id: str
    state: str
    attempt: int
    is_of_fee: bool


def begin(payment_id: str) -> PaymentSettlement | None:
    """Release the payment if it is abandoned, and schedule the next settlement; None if it has no intent."""
    payment, now = session().get_one(Payment, payment_id), clock.now()
    if is_abandoned(payment, now):
        purpose = lock_payment(payment)
        if is_abandoned(payment, now):
            release(payment, purpose)
    if payment.provider_intent_id is None:
        payment.settle_at = None
        return None
    payment.settle_at = retry_at(payment.changed_at, now)
    return PaymentSettlement(
        payment_id=payment.id,
        intent_id=payment.provider_intent_id,
        state=payment.state,
        attempt=payment.attempt,
        is_of_fee=payment.fee_id is not None,
    )


def call_provider(settlement: PaymentSettlement) -> tuple[Intent, bool]:
    """The intent after it was captured or cancelled, if that was still to be done; and whether it was captured now.

    An intent whose capture the bank refused for good waits for another card; it is cancelled, which ends the
    payment. CaptureRefused, ProviderUnavailable.
    """
    intent_id, payment_id, attempt = settlement.intent_id, settlement.payment_id, settlement.attempt
    intent, is_new_capture = stripe_client.read(intent_id), False
    if settlement.state == "capturing" and intent.status == "requires_capture":
        intent = stripe_client.capture(intent_id, payment_id, attempt)
        is_new_capture = intent.status == "succeeded"
    is_refused = settlement.state == "capturing" and intent.status == "requires_payment_method"
    is_ended = settlement.state in ("voiding", "voided", "failed")
    if (is_refused or is_ended) and intent.status not in ("canceled", "succeeded"):
        intent = stripe_client.cancel(intent_id, payment_id, attempt)
    return intent, is_new_capture


def complete(settlement: PaymentSettlement, intent: Intent) -> None:
    """Apply what the provider reports."""
    payment = session().get_one(Payment, settlement.payment_id)
    apply_intent(payment, lock_payment(payment), intent)
    if payment.state in SETTLED:
        payment.settle_at = None
