"""The JSON of holds and quotes."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.shopping.schema_fields import Money, Time


class HeldItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = Money()


class QuoteSchema(Schema):
    items = fields.List(fields.Nested(HeldItemSchema))
    unavailable_product_ids = fields.List(fields.String())


class HoldSchema(Schema):
    order_id = fields.String()
    state = fields.String()
    until = Time()
    items = fields.List(fields.Nested(HeldItemSchema))
    total = Money()
