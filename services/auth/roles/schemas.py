"""Roles and permissions."""

from __future__ import annotations

from marshmallow import Schema, fields


class PermissionSchema(Schema):
    name = fields.String()
    description = fields.String()
    holders = fields.List(fields.String())


class RoleSchema(Schema):
    name = fields.String()
    kind = fields.String()
    description = fields.String()
    permissions = fields.List(fields.String(), attribute="permission_names")
    is_built_in = fields.Boolean()
