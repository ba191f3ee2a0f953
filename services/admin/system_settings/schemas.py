"""The JSON of system settings."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from libs.chassis.system_settings import CATALOGUE


class SystemSettingSchema(Schema):
    name = fields.String()
    value = fields.Raw()
    default = fields.Function(lambda setting: CATALOGUE[setting.name].default)
    description = fields.Function(lambda setting: CATALOGUE[setting.name].description)
    updated_at = fields.Function(lambda setting: rfc3339(setting.updated_at))
    updated_by = fields.String(allow_none=True)
    version = fields.Integer()
