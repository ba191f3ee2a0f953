"""The JSON of coins in responses."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


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
