"""Paying orders and fees; a customer's own payments and receipts; listing payments as staff.

A card payment takes several transactions, and the provider is called between them, never inside one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from libs.chassis.db import session, unit_of_work
from libs.chassis.idempotency import stable_id
from libs.chassis.problems import Conflict
from libs.chassis.security import principal
from services.billing.pages import list_newest_first
from services.billing.payments import lifecycle, opening
from services.billing.payments.payable import Payable, get_payable_fee, get_payable_order
from services.billing.payments.purpose import lock_payment
from services.billing.payments.rules import validate_method
from services.billing.payments.schemas import MonitoredPaymentSchema, PaymentSchema, ReceiptSchema
from services.billing.payments.store import get_own_payment
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.provider.stripe_client import (
    AmountTooSmall,
    CardDeclined,
    CardRefused,
    Intent,
    ProviderUnavailable,
)
from services.billing.settlement.jobs import begin_new_attempt_after_failure, settle_payment

Created = tuple[dict[str, Any], int, dict[str, str]]


class PaymentCancelled(Conflict):
    slug, title = "payment-cancelled", "Another payment replaced it, or its order or fee is no longer to be paid"


class NotPaidYet(Conflict):
    slug, title = "not-paid-yet", "The payment is not complete yet"


class NoReceipt(Conflict):
    slug, title = "no-receipt", "There is no receipt for this payment"


def create_payment(body: dict[str, Any]) -> Created:
    buyer_id = principal().subject
    return _pay(body, lambda: get_payable_order(body["order_id"], buyer_id))


def pay_fee(fee_id: str, body: dict[str, Any]) -> Created:
    def get_payable() -> Payable:
        with unit_of_work(reads_only=True):
            return get_payable_fee(fee_id, principal().subject)

    return _pay(body, get_payable)


def _pay(body: dict[str, Any], get_payable: Callable[[], Payable]) -> Created:
    """Open a payment and have the bank authorize it; a repetition continues the payment with the same id."""
    payment_id, card = stable_id("pay"), body.get("payment_method")
    validate_method(body["method"], card)
    payment = _find(payment_id)
    if payment is None:
        payable = get_payable()
        _end_abandoned_payment(payable.order_id)
        with unit_of_work():
            if card is None:
                payment = opening.pay_with_coins(payment_id, payable)
            else:
                payment = opening.open_card_payment(payment_id, payable, card)
    payment = _capture_if_decided(_authorize(payment))
    if payment.state in ("voiding", "voided"):
        raise PaymentCancelled("nothing was charged; read the order or the fee to see whether it is to be paid")
    return PaymentSchema().dump(payment), 201, {"Location": f"/billing/v1/payments/{payment.id}"}


def _find(payment_id: str) -> Payment | None:
    with unit_of_work(reads_only=True):
        return session().get(Payment, payment_id)


def _end_abandoned_payment(order_id: str) -> None:
    """Void an abandoned payment of the order; ProviderUnavailable when the provider cannot cancel it now."""
    with unit_of_work():
        voiding = opening.replace_abandoned_payment(order_id)
    if voiding is not None:
        settle_payment(voiding.id)


def _authorize(payment: Payment) -> Payment:
    """Have the bank set the money aside, from the step that the payment has reached; CardDeclined ends it."""
    _raise_if_declined(payment)
    if payment.state != "created" or payment.provider_method_id is None:
        return payment
    with _record_declines(payment.id), begin_new_attempt_after_failure(Payment, payment.id):
        intent_id = payment.provider_intent_id
        if intent_id is None:
            created = stripe_client.create(
                payment.id, payment.order_id, payment.money, payment.provider_method_id, payment.attempt
            )
            intent_id = created.id
            with unit_of_work():
                opening.record_intent(payment.id, intent_id)
        intent = stripe_client.confirm(intent_id, payment.id, payment.attempt)
    return _apply(payment.id, intent)


@contextmanager
def _record_declines(payment_id: str) -> Iterator[None]:
    try:
        yield
    except (CardDeclined, CardRefused) as declined:
        with unit_of_work():
            opening.record_decline(payment_id, str(declined.extensions.get("decline_code", "")), declined.detail)
        raise


def _apply(payment_id: str, intent: Intent) -> Payment:
    with unit_of_work():
        payment = session().get_one(Payment, payment_id)
        lifecycle.apply_intent(payment, lock_payment(payment), intent)
        return payment


def _raise_if_declined(payment: Payment) -> None:
    if payment.state == "failed":
        code, message = payment.failure_code or "", payment.failure_message or ""
        problem = AmountTooSmall if code == AmountTooSmall.CODE else CardDeclined
        raise problem(message, decline_code=code)


def _capture_if_decided(payment: Payment) -> Payment:
    """Capture the payment of a fee in the same request; if the provider is unavailable, the job does it later."""
    if payment.fee_id is None or payment.state != "capturing":
        return payment
    with suppress(ProviderUnavailable):
        settle_payment(payment.id)
    return _find(payment.id) or payment


def confirm_payment(payment_id: str) -> dict[str, Any]:
    with unit_of_work(reads_only=True):
        payment = get_own_payment(payment_id, principal().subject)
    if payment.state == "requires_action" and payment.provider_intent_id is not None:
        payment = _apply(payment_id, stripe_client.read(payment.provider_intent_id))
        _raise_if_declined(payment)
    return dict(PaymentSchema().dump(_capture_if_decided(payment)))


def list_payments(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = {Payment.buyer_id: principal().subject}
    return list_newest_first(Payment.created_at, own, PaymentSchema(), limit, cursor)


def list_all_payments(
    order_id: str | None = None,
    buyer_id: str | None = None,
    state: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    filters = {Payment.order_id: order_id, Payment.buyer_id: buyer_id, Payment.state: state}
    return list_newest_first(Payment.created_at, filters, MonitoredPaymentSchema(), limit, cursor)


def get_payment(payment_id: str) -> dict[str, Any]:
    return dict(PaymentSchema().dump(get_own_payment(payment_id, principal().subject)))


def get_receipt(payment_id: str) -> dict[str, Any]:
    payment = get_own_payment(payment_id, principal().subject)
    if payment.captured_at is None:
        raise NotPaidYet(f"the payment is {payment.state}")
    if payment.coins is not None:
        raise NoReceipt("coins are not money; see the list of coin records")
    return dict(ReceiptSchema().dump(payment))
