"""Sessions and the user that they belong to."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from services.auth.schema_fields import Timestamp


class UserSchema(Schema):
    id = fields.String()
    kind = fields.String()
    roles = fields.List(fields.String(), attribute="role_names")


class SessionSchema(Schema):
    session_id = fields.String(attribute="id")
    user = fields.Nested(UserSchema)
    created_at = Timestamp()
    expires_at = Timestamp()


class OwnSessionSchema(Schema):
    """A session in the list of the caller's own sessions."""

    def __init__(self, *, current_session_id: str | None) -> None:
        super().__init__()
        self._current_session_id = current_session_id

    session_id = fields.String(attribute="id")
    is_current = fields.Method("_is_current")
    created_at = Timestamp()
    last_seen_at = Timestamp()
    expires_at = Timestamp()
    application = fields.Function(lambda session: session.client.name if session.client else None)
    user_agent = fields.String()
    source_ip = fields.String()

    def _is_current(self, session: Any) -> bool:
        return bool(session.id == self._current_session_id)
