"""The JSON of photos and of their uploads."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.shopping.photos.public_photos import public_url, url_of_key
from services.shopping.schema_fields import Time


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


class UploadTicketSchema(Schema):
    photo_id = fields.String()
    upload = fields.Raw()
    expires_at = Time()
