"""A customer account as staff see it."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.auth.customers.rules import mask_email
from services.auth.schema_fields import Timestamp


class CustomerAccountSchema(Schema):
    id = fields.String()
    email_hint = fields.Function(lambda user: mask_email(user.email))
    state = fields.String()
    suspension_reason = fields.String()
    created_at = Timestamp()
