"""An internal user as managers see them."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.auth.schema_fields import Timestamp


class StaffSchema(Schema):
    id = fields.String()
    email = fields.String()
    full_name = fields.Function(lambda user: user.full_name or "")
    roles = fields.List(fields.String(), attribute="role_names")
    state = fields.String()
    created_at = Timestamp()
