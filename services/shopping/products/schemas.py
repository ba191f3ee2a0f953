"""The JSON of a product."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.shopping.photos.schemas import PhotoSchema
from services.shopping.schema_fields import Money, Time


class ProductSchema(Schema):
    """A product as the public sees it."""

    id = fields.String()
    title = fields.String()
    description = fields.String()
    category = fields.String()
    brand = fields.String()
    colour = fields.String()
    condition = fields.String()
    sizes = fields.Raw()
    attributes = fields.Raw()
    price = Money()
    state = fields.String()
    photos = fields.List(fields.Nested(PhotoSchema))
    published_at = Time()


class InventoryProductSchema(ProductSchema):
    """A product as staff see it."""

    donation = fields.Raw(allow_none=True)
    sale_ended_by = fields.String(allow_none=True)
    version = fields.Integer()
    publish_at = Time()
    created_at = Time()
    updated_at = Time()
