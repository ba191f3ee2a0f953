"""The JSON of payouts in responses."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


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
