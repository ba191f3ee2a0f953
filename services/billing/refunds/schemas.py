"""The JSON of refunds in responses."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


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
    completed_at = fields.Function(lambda refund: rfc3339(refund.completed_at))


class MonitoredRefundSchema(RefundSchema):
    """A refund as staff see it."""

    buyer_id = fields.String()
    failure_code = fields.String(allow_none=True)
    replaces = fields.String(allow_none=True)
    reference = fields.String(allow_none=True)
