"""The JSON of a profile."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class ProfileSchema(Schema):
    id = fields.String()
    full_name = fields.String()
    body_sizes = fields.Raw()
    preferences = fields.Raw()
    consents = fields.Raw()
    created_at = fields.Function(lambda customer: rfc3339(customer.created_at))
