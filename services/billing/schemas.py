"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.billing.models import Payment
from services.billing.payments import receipt_number


def _failure(payment: Payment) -> dict[str, str | None] | None:
    if payment.failure_code is None:
        return None
    return {"code": payment.failure_code, "message": payment.failure_message}


def _card(payment: Payment) -> dict[str, str] | None:
    if payment.card_last4 is None:
        return None
    return {"brand": payment.card_brand or "card", "last4": payment.card_last4}


def _lines(payment: Payment) -> list[dict[str, Any]]:
    names = ("product_id", "title", "price")
    return [{name: line[name] for name in names} for line in payment.lines]


class PaymentSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    state = fields.String()
    amount = fields.Function(lambda payment: payment.money.to_dict())
    method = fields.String()
    client_secret = fields.String(allow_none=True)
    next_action = fields.Raw(allow_none=True)
    failure = fields.Function(_failure)
    created_at = fields.Function(lambda payment: rfc3339(payment.created_at))
    captured_at = fields.Function(lambda payment: rfc3339(payment.captured_at))


class ReceiptSchema(Schema):
    number = fields.Function(receipt_number)
    payment_id = fields.String(attribute="id")
    order_id = fields.String()
    lines = fields.Function(_lines)
    total = fields.Function(lambda payment: payment.money.to_dict())
    card = fields.Function(_card)
    paid_at = fields.Function(lambda payment: rfc3339(payment.captured_at))
