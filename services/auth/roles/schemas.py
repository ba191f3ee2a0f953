"""A role with its permissions."""

from __future__ import annotations

from marshmallow import Schema, fields


class RoleSchema(Schema):
    name = fields.String()
    kind = fields.String()
    description = fields.String()
    permissions = fields.List(fields.String(), attribute="permission_names")
    is_built_in = fields.Boolean()
