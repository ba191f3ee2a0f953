"""Log-in and log-out."""

from __future__ import annotations

from typing import Any

from libs.chassis.security import principal
from services.auth import sessions
from services.auth.schemas import SessionSchema, UserSchema

Answer = tuple[dict[str, Any], int]


def log_in_customer(body: dict[str, Any]) -> Answer:
    return _answer(sessions.log_in(body["user_name"], body["password"], "customer"))


def log_in_staff(body: dict[str, Any]) -> Answer:
    return _answer(sessions.log_in(body["user_name"], body["password"], "internal"))


def _answer(opened: sessions.LogIn) -> Answer:
    return {
        "access_token": opened.access_token,
        "token_type": "Bearer",
        "expires_in": opened.expires_in,
        "user": UserSchema().dump(opened.session.user),
    }, 201


def get_session() -> dict[str, Any]:
    found: dict[str, Any] = SessionSchema().dump(sessions.own(principal().session_id))
    return found


def log_out() -> tuple[None, int]:
    sessions.log_out(principal().session_id)
    return None, 204
