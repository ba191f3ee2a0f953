"""The JSON of uploads of photos."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from libs.chassis.uploads import create_form
from services.admin.checks.photos import photo_bucket


class CheckPhotoUploadSchema(Schema):
    photo_id = fields.String(attribute="id")
    upload = fields.Function(lambda photo: create_form(photo_bucket(), photo))
    expires_at = fields.Function(lambda photo: rfc3339(photo.expires_at))
