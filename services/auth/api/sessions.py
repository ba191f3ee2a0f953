"""Log-in, refresh and log-out."""

from __future__ import annotations

from typing import Any

import flask

from libs.chassis.db import session
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth import logins, sessions
from services.auth.models import Session, User
from services.auth.schemas import OwnSessionSchema, SessionSchema, UserSchema

Answer = tuple[dict[str, Any], int]


def log_in_customer(body: dict[str, Any]) -> Answer:
    return _answer(logins.log_in(body["user_name"], body["password"], "customer", _user_agent())), 201


def log_in_staff(body: dict[str, Any]) -> Answer:
    return _answer(logins.log_in(body["user_name"], body["password"], "internal", _user_agent())), 201


def refresh_customer_session(body: dict[str, Any]) -> dict[str, Any]:
    return _answer(sessions.renew(body["refresh_token"], "customer"))


def refresh_staff_session(body: dict[str, Any]) -> dict[str, Any]:
    return _answer(sessions.renew(body["refresh_token"], "internal"))


def _user_agent() -> str:
    return flask.request.headers.get("User-Agent", "")


def _answer(opened: sessions.Tokens) -> dict[str, Any]:
    return {
        "access_token": opened.access_token,
        "token_type": "Bearer",
        "expires_in": opened.expires_in,
        "refresh_token": opened.refresh_token,
        "refresh_expires_in": opened.refresh_expires_in,
        "user": UserSchema().dump(opened.session.user),
    }


def get_session() -> dict[str, Any]:
    found: dict[str, Any] = SessionSchema().dump(sessions.own(principal().session_id))
    return found


def log_out() -> tuple[None, int]:
    sessions.log_out(principal().session_id)
    return None, 204


def list_sessions(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    who = principal()
    return page(
        sessions.live_ones(who.subject),
        order_by=[(Session.created_at, "desc"), (Session.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=OwnSessionSchema(context_session_id=who.session_id).dump,
    )


def end_session(session_id: str) -> tuple[None, int]:
    sessions.end_one(principal().subject, session_id)
    return None, 204


def log_out_everywhere() -> tuple[None, int]:
    sessions.end_all(session().get_one(User, principal().subject), "logged out everywhere")
    return None, 204
