"""The JSON of carts."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.shopping.schema_fields import Money, Time


class CartItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = Money()
    available = fields.Boolean()
    changed = fields.String(allow_none=True)
    added_at = Time()


class CartSchema(Schema):
    items = fields.List(fields.Nested(CartItemSchema))
    total = Money()
    version = fields.Integer()
    updated_at = Time()


class NewCartSchema(Schema):
    cart_token = fields.String()
    expires_at = Time()


class MergedCartSchema(Schema):
    cart = fields.Nested(CartSchema)
    not_merged_product_ids = fields.List(fields.String())
