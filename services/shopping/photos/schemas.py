"""The JSON of photos and of their uploads."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.shopping.schema_fields import Time
from services.shopping.settings import shopping_settings


def build_public_url(key: str) -> str:
    return f"{shopping_settings().photo_base_url.rstrip('/')}/{key}"


class PhotoSizeSchema(Schema):
    name = fields.String()
    url = fields.Function(lambda size: build_public_url(size.key))
    width = fields.Integer()
    height = fields.Integer()


class PhotoSchema(Schema):
    id = fields.String()
    url = fields.Function(lambda photo: build_public_url(photo.sizes[-1].key))
    width = fields.Integer()
    height = fields.Integer()
    sizes = fields.List(fields.Nested(PhotoSizeSchema))


class UploadTicketSchema(Schema):
    photo_id = fields.String()
    upload = fields.Raw()
    expires_at = Time()
