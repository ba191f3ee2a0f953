"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class UserSchema(Schema):
    id = fields.String()
    kind = fields.String()
    roles = fields.Function(lambda user: sorted(assigned.role for assigned in user.roles))


class SessionSchema(Schema):
    session_id = fields.String(attribute="id")
    user = fields.Nested(UserSchema)
    created_at = fields.Function(lambda session: rfc3339(session.created_at))
    expires_at = fields.Function(lambda session: rfc3339(session.expires_at))


class NotificationSchema(Schema):
    id = fields.String()
    template = fields.String()
    title = fields.String()
    text = fields.String()
    created_at = fields.Function(lambda notification: rfc3339(notification.created_at))
    read_at = fields.Function(lambda notification: rfc3339(notification.read_at))
