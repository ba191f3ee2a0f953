"""Notifications, and how a user receives them."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.auth.schema_fields import Timestamp


class NotificationSchema(Schema):
    id = fields.String()
    template = fields.String()
    title = fields.String()
    text = fields.String()
    created_at = Timestamp()
    read_at = Timestamp()


class PreferencesSchema(Schema):
    email = fields.Boolean()
    sms = fields.Boolean()
    push = fields.Boolean()


class PushDeviceSchema(Schema):
    id = fields.String()
    platform = fields.String()
    created_at = Timestamp()
