"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.auth import customers, roles
from services.auth.models import User


def _roles_of(user: User) -> list[str]:
    return sorted(assigned.role for assigned in user.roles)


class _Time(fields.Field[Any]):
    """RFC 3339 in UTC, or null."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        text: str | None = rfc3339(value)
        return text


class UserSchema(Schema):
    id = fields.String()
    kind = fields.String()
    roles = fields.Function(_roles_of)


class SessionSchema(Schema):
    session_id = fields.String(attribute="id")
    user = fields.Nested(UserSchema)
    created_at = _Time()
    expires_at = _Time()


class OwnSessionSchema(Schema):
    """A session in the list of one's own; `context_session_id` is the one that asks."""

    def __init__(self, *, context_session_id: str | None) -> None:
        super().__init__()
        self._present = context_session_id

    session_id = fields.String(attribute="id")
    is_current = fields.Method("_is_current")
    created_at = _Time()
    last_seen_at = _Time()
    expires_at = _Time()
    application = fields.Function(lambda session: session.client.name if session.client else None)
    user_agent = fields.String()
    source_ip = fields.String()

    def _is_current(self, session: Any) -> bool:
        return bool(session.id == self._present)


class StaffSchema(Schema):
    id = fields.String()
    email = fields.String()
    full_name = fields.Function(lambda user: user.full_name or "")
    roles = fields.Function(_roles_of)
    state = fields.String()
    created_at = _Time()


class CustomerAccountSchema(Schema):
    id = fields.String()
    email_hint = fields.Function(lambda user: customers.hint_of(user.email))
    state = fields.String()
    forbidden_reason = fields.String()
    created_at = _Time()


class PermissionSchema(Schema):
    name = fields.String()
    description = fields.String()
    holders = fields.List(fields.String())


class RoleSchema(Schema):
    name = fields.String()
    kind = fields.String()
    description = fields.String()
    permissions = fields.Function(roles.permissions_of)
    is_built_in = fields.Boolean()


class OAuthClientSchema(Schema):
    client_id = fields.String(attribute="id")
    name = fields.String()
    kind = fields.String()
    gateway = fields.String()
    grant = fields.String()
    redirect_uris = fields.List(fields.String())
    scopes = fields.List(fields.String())
    has_secret = fields.Function(lambda client: client.secret_hash is not None)
    created_at = _Time()


class NotificationSchema(Schema):
    id = fields.String()
    template = fields.String()
    title = fields.String()
    text = fields.String()
    created_at = _Time()
    read_at = _Time()


class PreferencesSchema(Schema):
    email = fields.Boolean()
    sms = fields.Boolean()
    push = fields.Boolean()


class PushDeviceSchema(Schema):
    id = fields.String()
    platform = fields.String()
    created_at = _Time()
