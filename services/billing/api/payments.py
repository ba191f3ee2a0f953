"""Own payments, and those of everybody for staff."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.billing import order_payments, payment_states, payments, settlement
from services.billing.models import Payment
from services.billing.pages import page_of
from services.billing.schemas import MonitoredPaymentSchema, PaymentSchema, ReceiptSchema


def create_payment(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    payment = order_payments.pay(
        body["order_id"], principal().subject, stable_id("pay"), body["method"], body.get("payment_method")
    )
    return PaymentSchema().dump(payment), 201, {"Location": f"/billing/v1/payments/{payment.id}"}


def list_payments(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = select(Payment).where(Payment.buyer_id == principal().subject)
    return page_of(own, Payment, {}, PaymentSchema(), limit, cursor)


def list_all_payments(
    order_id: str | None = None,
    buyer_id: str | None = None,
    state: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    wanted = {Payment.order_id: order_id, Payment.buyer_id: buyer_id, Payment.state: state}
    return page_of(select(Payment), Payment, wanted, MonitoredPaymentSchema(), limit, cursor)


def get_payment(payment_id: str) -> dict[str, Any]:
    payment: dict[str, Any] = PaymentSchema().dump(payment_states.get_own(payment_id, principal().subject))
    return payment


def confirm_payment(payment_id: str) -> dict[str, Any]:
    payment = payments.confirm_after_action(payment_states.get_own(payment_id, principal().subject))
    settlement.capture_at_once(payment)
    confirmed: dict[str, Any] = PaymentSchema().dump(payment)
    return confirmed


def get_receipt(payment_id: str) -> dict[str, Any]:
    payment = payment_states.get_own(payment_id, principal().subject)
    if payment.captured_at is None:
        raise payments.NotPaidYet(f"the payment is {payment.state}")
    if payment.coins is not None:
        raise payments.NoReceipt("coins are no money; see the list of coin records")
    receipt: dict[str, Any] = ReceiptSchema().dump(payment)
    return receipt
