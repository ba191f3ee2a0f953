"""Own payments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.billing import orders, payments, settlement
from services.billing.models import Payment
from services.billing.schemas import PaymentSchema, ReceiptSchema


def create_payment(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    payment_id = stable_id("pay")
    payment = payments.find(payment_id)
    if payment is None:
        order = orders.payable_order(body["order_id"], principal().subject)
        payment = payments.open_payment(payment_id, order, body["payment_method"])
    payments.authorize(payment)
    return PaymentSchema().dump(payment), 201, {"Location": f"/billing/v1/payments/{payment.id}"}


def list_payments(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(Payment).where(Payment.buyer_id == principal().subject),
        order_by=[(Payment.created_at, "desc"), (Payment.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=PaymentSchema().dump,
    )


def get_payment(payment_id: str) -> dict[str, Any]:
    payment: dict[str, Any] = PaymentSchema().dump(payments.get_own(payment_id, principal().subject))
    return payment


def confirm_payment(payment_id: str) -> dict[str, Any]:
    payment = payments.confirm_after_action(payments.get_own(payment_id, principal().subject))
    settlement.capture_at_once(payment)
    confirmed: dict[str, Any] = PaymentSchema().dump(payment)
    return confirmed


def get_receipt(payment_id: str) -> dict[str, Any]:
    payment = payments.get_own(payment_id, principal().subject)
    if payment.captured_at is None:
        raise payments.NotPaidYet(f"the payment is {payment.state}")
    if payment.coins is not None:
        raise payments.NoReceipt("coins are no money; see the list of coin records")
    receipt: dict[str, Any] = ReceiptSchema().dump(payment)
    return receipt
