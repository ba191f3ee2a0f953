"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.shopping.photos import public_url, shown_photos, url_of_key


class _Time(fields.Field[Any]):
    """RFC 3339 in UTC, or null."""

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> str | None:
        text: str | None = rfc3339(value)
        return text


class _Money(fields.Field[Any]):
    """Minor units and currency, or null. A cart has many of it, and a schema of its own costs more."""

    def _serialize(self, value: Any, *_args: Any, **_kwargs: Any) -> dict[str, Any] | None:
        return value.to_dict() if value is not None else None


class PhotoSizeSchema(Schema):
    name = fields.String()
    url = fields.Function(lambda size: url_of_key(size.key))
    width = fields.Integer()
    height = fields.Integer()


class PhotoSchema(Schema):
    id = fields.String()
    url = fields.Function(public_url)
    width = fields.Integer()
    height = fields.Integer()
    sizes = fields.List(fields.Nested(PhotoSizeSchema))


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
    price = _Money()
    state = fields.String()
    photos = fields.Function(lambda product: PhotoSchema(many=True).dump(shown_photos(product)))
    published_at = _Time()


class InventoryProductSchema(ProductSchema):
    """A product as staff sees it."""

    donation = fields.Raw(allow_none=True)
    came_back_with = fields.String(allow_none=True)
    version = fields.Integer()
    publish_at = _Time()
    created_at = _Time()
    updated_at = _Time()


class UploadTicketSchema(Schema):
    photo_id = fields.String()
    upload = fields.Raw()
    expires_at = _Time()


class CartItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = _Money()
    available = fields.Boolean()
    changed = fields.String(allow_none=True)
    added_at = _Time()


class CartSchema(Schema):
    items = fields.List(fields.Nested(CartItemSchema))
    total = _Money()
    version = fields.Integer()
    updated_at = _Time()


class NewCartSchema(Schema):
    cart_token = fields.String()
    expires_at = _Time()


class MergedCartSchema(Schema):
    cart = fields.Nested(CartSchema)
    left_out = fields.List(fields.String())


class HeldItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = _Money()


class HoldSchema(Schema):
    order_id = fields.String()
    state = fields.String()
    until = _Time()
    items = fields.List(fields.Nested(HeldItemSchema))
    total = _Money()
