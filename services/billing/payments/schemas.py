"""The JSON of payments in responses."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from libs.chassis.money import Money
from services.billing.payments.rules import format_receipt_number
from services.billing.payments.tables import Payment


def _dump_failure(payment: Payment) -> dict[str, str | None] | None:
    if payment.failure_code is None:
        return None
    return {"code": payment.failure_code, "message": payment.failure_message}


def _dump_card(payment: Payment) -> dict[str, str] | None:
    if payment.card_last4 is None:
        return None
    return {"brand": payment.card_brand or "card", "last4": payment.card_last4}


def _dump_lines(payment: Payment) -> list[dict[str, Any]]:
    names = ("product_id", "title", "price")
    return [{name: line[name] for name in names} for line in payment.lines]


class PaymentSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    fee_id = fields.String(allow_none=True)
    state = fields.String()
    amount = fields.Function(lambda payment: payment.money.to_dict())
    method = fields.String()
    coins = fields.Integer(allow_none=True)
    client_secret = fields.String(allow_none=True)
    next_action = fields.Raw(allow_none=True)
    failure = fields.Function(_dump_failure)
    created_at = fields.Function(lambda payment: rfc3339(payment.created_at))
    captured_at = fields.Function(lambda payment: rfc3339(payment.captured_at))
    refunded = fields.Function(lambda payment: Money(payment.refunded, payment.currency).to_dict())


class MonitoredPaymentSchema(PaymentSchema):
    """A payment as staff see it, without what only its buyer's browser needs."""

    class Meta:
        exclude = ("client_secret", "next_action")

    buyer_id = fields.String()


class ReceiptSchema(Schema):
    number = fields.Function(lambda payment: format_receipt_number(payment.id, payment.created_at))
    payment_id = fields.String(attribute="id")
    order_id = fields.String()
    lines = fields.Function(_dump_lines)
    total = fields.Function(lambda payment: payment.money.to_dict())
    card = fields.Function(_dump_card)
    paid_at = fields.Function(lambda payment: rfc3339(payment.captured_at))
