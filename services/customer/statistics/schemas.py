"""The JSON of the rankings."""

from __future__ import annotations

from marshmallow import Schema, fields


class RankedBuyerSchema(Schema):
    customer_id = fields.String()
    full_name = fields.String(allow_none=True)
    orders = fields.Integer()
    total = fields.Function(lambda row: {"amount": int(row.amount), "currency": row.currency})


class RankedDonorSchema(Schema):
    customer_id = fields.String()
    full_name = fields.String(allow_none=True)
    orders = fields.Integer()
    pieces = fields.Integer()
