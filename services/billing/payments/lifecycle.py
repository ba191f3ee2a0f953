"""The transitions of payments (story b-bu-04, stories rd-c-02 and rd-r-re-02 for fees).

A payment is captured only for a hold that shopping has turned into a sale, and voided when the hold is released, so
that money and goods stay together (docs/decisions/0008). The transactions here only decide that (`capturing`,
`voiding`); `services.billing.settlement` has the provider do it afterwards.

Each function expects the payment and its purpose to be locked.
"""

from __future__ import annotations

from datetime import timedelta

from libs.chassis import clock
from services.billing.coins import coin_ledger
from services.billing.ledger import money_ledger
from services.billing.payments import publishers
from services.billing.payments.purpose import Purpose, lock_payment
from services.billing.payments.rules import AWAITING_BANK, LIFECYCLE, ORDER_ENDED, RELEASABLE, choose_void_reason
from services.billing.payments.store import find_live_payment
from services.billing.payments.tables import Payment
from services.billing.provider import declines
from services.billing.provider.stripe_client import Intent
from services.billing.refunds import processing

# The request that authorized the payment of a fee captures it too; the job does so only if the request failed.
CAPTURED_BY_REQUEST_WITHIN = timedelta(seconds=30)


def apply_intent(payment: Payment, purpose: Purpose, intent: Intent) -> None:
    """Bring a payment to the state that the provider reports; idempotent."""
    payment.card_brand = intent.card_brand or payment.card_brand
    payment.card_last4 = intent.card_last4 or payment.card_last4
    awaits_bank = payment.state in AWAITING_BANK
    if intent.status == "requires_action" and payment.state == "created":
        payment.next_action, payment.client_secret = intent.next_action, intent.client_secret
        payment.change_state("requires_action")
    elif intent.status == "requires_capture" and awaits_bank:
        _mark_authorized(payment, purpose)
    elif intent.status == "requires_payment_method" and awaits_bank:
        mark_failed(payment, intent.failure_code or "declined", intent.failure_message or declines.USE_ANOTHER_CARD)
    elif intent.status == "succeeded":
        mark_captured(payment, purpose)
    elif intent.status == "canceled":
        _mark_cancelled(payment, purpose)


def mark_failed(payment: Payment, code: str, message: str) -> None:
    """The card was declined."""
    payment.failure_code, payment.failure_message = code[:64], message[:300]
    payment.next_action = payment.client_secret = None
    payment.change_state("failed")


def _mark_authorized(payment: Payment, purpose: Purpose) -> None:
    payment.next_action = payment.client_secret = None
    payment.change_state("authorized")
    if not purpose.is_open:
        release(payment, purpose)
    elif purpose.waits_for_sale:
        publishers.publish_authorized(payment)
    else:
        payment.change_state("capturing")
        payment.settle_at = clock.now() + CAPTURED_BY_REQUEST_WITHIN


def mark_captured(payment: Payment, purpose: Purpose) -> None:
    """The money or the coins are taken; what is no longer needed, or was captured too late, is refunded."""
    if not LIFECYCLE.allows(payment.state, "captured") or payment.captured_at is not None:
        return
    is_late = payment.state != "capturing"
    payment.change_state("captured")
    payment.captured_at = clock.now()
    if payment.method == "card":
        money_ledger.record_capture(payment, purpose.income_account)
    if is_late:
        payment.live_order_id = None
        processing.start_refund(payment, purpose, payment.amount, key=f"late:{payment.id}", reason="late")
    elif purpose.is_open:
        purpose.on_captured(payment)
    else:
        _refund_rest(payment, purpose)


def _mark_cancelled(payment: Payment, purpose: Purpose) -> None:
    """The provider has cancelled the authorization."""
    if payment.state == "failed":
        payment.settle_at = None
    elif LIFECYCLE.allows(payment.state, "voided"):
        _void(payment, purpose, choose_void_reason(payment.state))


def cancel_live_payment(order_id: str) -> None:
    """The order has ended, or its fee is no longer needed: release or refund its live payment, once."""
    payment = find_live_payment(order_id)
    if payment is None:
        return
    purpose = lock_payment(payment)
    if payment.state == "captured":
        _refund_rest(payment, purpose)
    elif payment.state in RELEASABLE:
        release(payment, purpose)


def release_live_payment(order_id: str) -> None:
    """Release the live payment of an order unless it is to be captured or is captured."""
    payment = find_live_payment(order_id)
    if payment is not None:
        purpose = lock_payment(payment)
        if payment.state in RELEASABLE:
            release(payment, purpose)


def release(payment: Payment, purpose: Purpose) -> None:
    """Give back what was set aside: coins immediately, the money of a card by settlement."""
    if payment.coins is not None:
        coin_ledger.refund(payment.buyer_id, payment.coins, key=f"voided:{payment.id}", order_id=payment.order_id)
    if payment.provider_intent_id is None:
        _void(payment, purpose, ORDER_ENDED)
    else:
        payment.change_state("voiding")


def _void(payment: Payment, purpose: Purpose, reason_code: str) -> None:
    payment.change_state("voided")
    payment.next_action = payment.client_secret = None
    purpose.on_voided(payment, reason_code)


def _refund_rest(payment: Payment, purpose: Purpose) -> None:
    """Refund what is left of a payment that is no longer needed (story rb-c-02)."""
    rest = payment.amount - payment.refunded
    if rest:
        purpose.on_refund_started()
        processing.start_refund(payment, purpose, rest, key=purpose.refund_key, reason=purpose.refund_reason)
