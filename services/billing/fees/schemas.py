"""The JSON of fees in responses."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class FeeSchema(Schema):
    id = fields.String()
    kind = fields.String()
    order_id = fields.String()
    state = fields.String()
    amount = fields.Function(lambda fee: fee.money.to_dict())
    coins = fields.Integer()
    created_at = fields.Function(lambda fee: rfc3339(fee.created_at))
    paid_at = fields.Function(lambda fee: rfc3339(fee.paid_at))
