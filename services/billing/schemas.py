"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from libs.chassis.money import Money
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
    fee_id = fields.String(allow_none=True)
    state = fields.String()
    amount = fields.Function(lambda payment: payment.money.to_dict())
    method = fields.String()
    coins = fields.Integer(allow_none=True)
    client_secret = fields.String(allow_none=True)
    next_action = fields.Raw(allow_none=True)
    failure = fields.Function(_failure)
    created_at = fields.Function(lambda payment: rfc3339(payment.created_at))
    captured_at = fields.Function(lambda payment: rfc3339(payment.captured_at))
    refunded = fields.Function(lambda payment: Money(payment.refunded, payment.currency).to_dict())


class MonitoredPaymentSchema(PaymentSchema):
    """A payment as staff see it, without what only its buyer's browser needs."""

    class Meta:
        exclude = ("client_secret", "next_action")

    buyer_id = fields.String()


class RefundSchema(Schema):
    id = fields.String()
    payment_id = fields.String()
    order_id = fields.String()
    return_id = fields.String(allow_none=True)
    reason = fields.String()
    state = fields.String()
    method = fields.String()
    amount = fields.Function(lambda refund: refund.money.to_dict())
    coins = fields.Integer(allow_none=True)
    created_at = fields.Function(lambda refund: rfc3339(refund.created_at))
    made_at = fields.Function(lambda refund: rfc3339(refund.made_at))


class MonitoredRefundSchema(RefundSchema):
    """A refund as staff see it."""

    buyer_id = fields.String()
    failure_code = fields.String(allow_none=True)
    replaces = fields.String(allow_none=True)
    reference = fields.String(allow_none=True)


class ReconciliationFindingSchema(Schema):
    id = fields.String()
    kind = fields.String()
    state = fields.String()
    subject = fields.String()
    payment_id = fields.String(allow_none=True)
    detail = fields.String()
    found_at = fields.Function(lambda finding: rfc3339(finding.found_at))
    mended_at = fields.Function(lambda finding: rfc3339(finding.mended_at))
    closed_at = fields.Function(lambda finding: rfc3339(finding.closed_at))
    closed_by = fields.String(allow_none=True)
    note = fields.String(allow_none=True)


class ReceiptSchema(Schema):
    number = fields.Function(receipt_number)
    payment_id = fields.String(attribute="id")
    order_id = fields.String()
    lines = fields.Function(_lines)
    total = fields.Function(lambda payment: payment.money.to_dict())
    card = fields.Function(_card)
    paid_at = fields.Function(lambda payment: rfc3339(payment.captured_at))


class CoinRecordSchema(Schema):
    id = fields.String()
    person_id = fields.String()
    reason = fields.String()
    coins = fields.Integer()
    order_id = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    balance_after = fields.Integer()
    debt_after = fields.Integer()
    at = fields.Function(lambda record: rfc3339(record.created_at))


class FeeSchema(Schema):
    id = fields.String()
    kind = fields.String()
    order_id = fields.String()
    state = fields.String()
    amount = fields.Function(lambda fee: fee.money.to_dict())
    coins = fields.Integer()
    created_at = fields.Function(lambda fee: rfc3339(fee.created_at))
    paid_at = fields.Function(lambda fee: rfc3339(fee.paid_at))


class CouponSchema(Schema):
    """A coupon as its owner sees it."""

    id = fields.String()
    code = fields.String()
    state = fields.String()
    value = fields.Function(lambda coupon: coupon.value.to_dict())
    order_id = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    given_at = fields.Function(lambda coupon: rfc3339(coupon.given_at))
    valid_until = fields.Function(lambda coupon: rfc3339(coupon.valid_until))
    used_at = fields.Function(lambda coupon: rfc3339(coupon.used_at))


class GivenCouponSchema(CouponSchema):
    """A coupon as staff see it: who got it, and who gave and took it. A code is worth money until it is used."""

    class Meta:
        exclude = ("code",)

    person_id = fields.String()
    given_by = fields.String(allow_none=True)
    used_by = fields.String(allow_none=True)


class PayoutSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    product_id = fields.String()
    state = fields.String()
    amount = fields.Function(lambda payout: payout.money.to_dict())
    share_percent = fields.Integer()
    created_at = fields.Function(lambda payout: rfc3339(payout.created_at))
    paid_at = fields.Function(lambda payout: rfc3339(payout.paid_at))


class MonitoredPayoutSchema(PayoutSchema):
    """A payout as staff see it."""

    person_id = fields.String()
    buying_order_id = fields.String()
    reference = fields.String(allow_none=True)
