"""The JSON of packages."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class PackageSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    tracking_code = fields.String()
    result = fields.String(allow_none=True)
    checked_at = fields.Function(lambda package: rfc3339(package.checked_at))
    handover_id = fields.String(allow_none=True)
    created_at = fields.Function(lambda package: rfc3339(package.created_at))
