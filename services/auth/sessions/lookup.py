"""Find sessions: a user's own ones, and the session of an access token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select, update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.auth.roles.permissions import find_permissions
from services.auth.sessions.rules import GATEWAY_OF_KIND, intersect_scopes, is_access_token_valid
from services.auth.sessions.tables import Session
from services.auth.settings import auth_settings

LAST_SEEN_PRECISION = timedelta(minutes=1)


def get_active(session_id: str | None) -> Session:
    """Get a session whose access token is valid; NotFound for any other."""
    auth_session = session().get(Session, session_id)
    if auth_session is None or not is_active(auth_session):
        raise NotFound
    return auth_session


def is_active(auth_session: Session) -> bool:
    """Return whether the access token of the session is valid now."""
    return is_access_token_valid(auth_session, clock.now(), auth_settings().access_idle_seconds)


def select_by_user(user_id: str) -> Select[Session]:
    """Select the sessions of a user that can be used or refreshed."""
    return select(Session).where(
        Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > clock.now()
    )


def find_active(token_hash: str) -> Session | None:
    """Find the session of a valid access token; None when the token is unknown, expired, revoked or idle."""
    auth_session = session().scalar(select(Session).where(Session.token_hash == token_hash))
    return auth_session if auth_session is not None and is_active(auth_session) else None


def find_gateway(auth_session: Session) -> str:
    """Return the gateway at which the tokens of the session are valid."""
    if auth_session.user is not None:
        return GATEWAY_OF_KIND[auth_session.user.kind]
    return auth_session.client.gateway if auth_session.client else ""


def build_claims(auth_session: Session) -> dict[str, Any]:
    """Return the claims of a JWT for the session, as `jwts.sign` takes them."""
    user, client_id = auth_session.user, auth_session.client_id
    return {
        "subject": user.id if user else str(client_id),
        "kind": user.kind if user else "machine",
        "roles": user.role_names if user else [],
        "scopes": find_scopes(auth_session),
        "session_expires_at": min(auth_session.expires_at, auth_session.access_expires_at),
        "sid": auth_session.id,
        "gateway": find_gateway(auth_session),
    } | ({"client_id": client_id} if client_id else {})


def find_scopes(auth_session: Session) -> tuple[str, ...]:
    """Return what the session allows now: no more than the user's roles, the client and the consent allow."""
    return intersect_scopes(
        find_permissions(auth_session.user) if auth_session.user else None,
        auth_session.client.scopes if auth_session.client else None,
        auth_session.scope.split() if auth_session.scope is not None else None,
    )


def is_last_use_outdated(auth_session: Session) -> bool:
    """Return whether the use of the session should be stored; it is stored once a minute at most."""
    return clock.now() - auth_session.last_seen_at > LAST_SEEN_PRECISION


def store_last_use(session_id: str) -> None:
    """Store that the session is used now."""
    session().execute(update(Session).where(Session.id == session_id).values(last_seen_at=clock.now()))
