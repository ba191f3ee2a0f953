"""The JSON of system settings."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class SystemSettingSchema(Schema):
    name = fields.String(attribute="definition.name")
    value = fields.Raw()
    default = fields.Raw(attribute="definition.default")
    description = fields.String(attribute="definition.description")
    updated_at = fields.Function(lambda setting: rfc3339(setting.updated_at))
    updated_by = fields.String(allow_none=True)
    version = fields.Integer()
