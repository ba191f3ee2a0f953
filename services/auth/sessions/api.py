"""Log-in, refresh and log-out (stories c-02 to c-12)."""

from __future__ import annotations

from typing import Any

import flask

from libs.chassis import email_addresses
from libs.chassis.db import retrying_serialization, session, unit_of_work
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth import audit_trail
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.sessions import issuing, login, login_throttle, lookup, refreshing, revocation
from services.auth.sessions.issuing import IssuedTokens
from services.auth.sessions.schemas import OwnSessionSchema, SessionSchema, UserSchema
from services.auth.sessions.tables import Session


def log_in_customer(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    return _render(_log_in(body, "customer")), 201


def log_in_staff(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    return _render(_log_in(body, "internal")), 201


def _log_in(body: dict[str, Any], kind: str) -> IssuedTokens:
    """Open a session for a user of `kind`; the response and its time are the same for an unknown user.

    What counts although the request is rejected (the attempt, the audit entry) is committed before that, and no
    transaction is open while a password is hashed.
    """
    user_name, password = body["user_name"], body["password"]
    email = email_addresses.normalize_for_lookup(user_name)
    locked_seconds = retrying_serialization(lambda: _count_attempt(kind, email))
    credentials = users.find_credentials(user_name, kind)
    session().commit()
    if not login.is_password_right(credentials, password):
        user_id = credentials.user_id if credentials else None
        audit_trail.record_rejection(user_id, kind, "log_in", "wrong-credentials", locked_seconds)
        session().commit()
        raise login.WrongCredentials
    login_throttle.reset(kind, email)
    user = session().get_one(User, credentials.user_id)
    session().commit()
    _reject_inactive(user)
    new_hash = login.rehash_if_needed(credentials.password_hash, password)
    if not users.lock_if_password_unchanged(user, credentials.password_hash, password):
        audit_trail.record_rejection(user.id, user.kind, "log_in", "changed-meanwhile")
        session().commit()
        raise login.WrongCredentials
    if user.password_hash == credentials.password_hash:
        user.password_hash = new_hash
    issued = issuing.open_session(user, flask.request.headers.get("User-Agent", ""))
    audit_trail.record(user, "log_in", f"/auth/v1/sessions/{issued.session.id}")
    return issued


def _count_attempt(kind: str, email: str) -> dict[str, int]:
    with unit_of_work():
        return login_throttle.count_attempt(kind, email)


def _reject_inactive(user: User) -> None:
    """Raise the reason why the account may not log in."""
    if rejection := login.find_rejection(user):
        audit_trail.record_rejection(user.id, user.kind, "log_in", user.state)
        session().commit()
        raise rejection


def refresh_customer_session(body: dict[str, Any]) -> dict[str, Any]:
    return _render(_refresh(body, "customer"))


def refresh_staff_session(body: dict[str, Any]) -> dict[str, Any]:
    return _render(_refresh(body, "internal"))


def _refresh(body: dict[str, Any], kind: str) -> IssuedTokens:
    try:
        return refreshing.refresh(body["refresh_token"], kind)
    except refreshing.RefreshTokenReused:
        session().commit()  # the session stays revoked although the request is rejected
        raise


def _render(issued: IssuedTokens) -> dict[str, Any]:
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh_token,
        "refresh_expires_in": issued.refresh_expires_in,
        "user": UserSchema().dump(issued.session.user),
    }


def get_session() -> dict[str, Any]:
    rendered: dict[str, Any] = SessionSchema().dump(lookup.get_active(principal().session_id))
    return rendered


def log_out() -> tuple[None, int]:
    revocation.log_out(principal().session_id)
    return None, 204


def list_sessions(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    caller = principal()
    return page(
        lookup.select_of_user(caller.subject),
        order_by=[(Session.created_at, "desc"), (Session.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=OwnSessionSchema(current_session_id=caller.session_id).dump,
    )


def end_session(session_id: str) -> tuple[None, int]:
    revocation.revoke_own(principal().subject, session_id)
    return None, 204


def log_out_everywhere() -> tuple[None, int]:
    revocation.revoke_all(session().get_one(User, principal().subject), "logged out everywhere")
    return None, 204
