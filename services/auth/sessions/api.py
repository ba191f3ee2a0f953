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
from services.auth.passwords import hashing
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
    user = users.find_by_email(user_name)
    user = user if user is not None and user.kind == kind else None
    session().commit()
    if not login.is_password_correct(user, password):
        _audit_rejection(user.id if user else None, kind, "wrong-credentials", locked_seconds)
        raise login.WrongCredentials
    login_throttle.reset(kind, email)
    session().commit()
    if rejection := login.find_rejection(user):
        _audit_rejection(user.id, kind, user.state)
        raise rejection
    checked_hash = user.password_hash
    new_hash = hashing.hash_password(password) if hashing.needs_rehash(checked_hash) else checked_hash
    if not users.lock_if_password_unchanged(user, checked_hash, password):
        _audit_rejection(user.id, kind, "changed-concurrently")
        raise login.WrongCredentials
    if user.password_hash == checked_hash:
        user.password_hash = new_hash
    tokens = issuing.open_session(user, flask.request.headers.get("User-Agent", ""))
    audit_trail.record(user, "log_in", f"/auth/v1/sessions/{tokens.session.id}")
    return tokens


def _count_attempt(kind: str, email: str) -> dict[str, int]:
    with unit_of_work():
        return login_throttle.count_attempt(kind, email)


def _audit_rejection(
    user_id: str | None, kind: str, reason: str, locked_seconds: dict[str, int] | None = None
) -> None:
    audit_trail.record_rejection(user_id, kind, "log_in", reason, locked_seconds)
    session().commit()


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


def _render(tokens: IssuedTokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": tokens.refresh_expires_in,
        "user": UserSchema().dump(tokens.session.user),
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
        lookup.select_by_user(caller.subject),
        order_by=[(Session.created_at, "desc"), (Session.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=OwnSessionSchema(current_session_id=caller.session_id).dump,
    )


def end_session(session_id: str) -> tuple[None, int]:
    revocation.revoke_session_of_user(principal().subject, session_id)
    return None, 204


def log_out_everywhere() -> tuple[None, int]:
    revocation.revoke_all(session().get_one(User, principal().subject), "logged out everywhere")
    return None, 204
