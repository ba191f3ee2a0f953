"""Find sessions: a user's own ones, and the session of an access token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select, update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.auth.roles.permissions import find_permissions
from services.auth.sessions.rules import GATEWAY_OF_KIND, intersect_scopes, is_access_token_valid
from services.auth.sessions.tables import Session
from services.auth.settings import auth_settings

LAST_SEEN_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True)
class ActiveSession:
    """What an access token stands for, and until when. `is_last_seen_outdated`: the last use should be stored."""

    session_id: str
    subject: str
    kind: str
    gateway: str
    client_id: str | None
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    expires_at: datetime
    is_last_seen_outdated: bool


def get_active(session_id: str | None) -> Session:
    """Get a session whose access token is valid; NotFound for any other."""
    auth_session = session().get(Session, session_id)
    if auth_session is None or not is_active(auth_session):
        raise NotFound
    return auth_session


def is_active(auth_session: Session) -> bool:
    """Return whether the access token of the session is valid now."""
    return is_access_token_valid(auth_session, clock.now(), auth_settings().access_idle_seconds)


def select_of_user(user_id: str) -> Select[Session]:
    """Select the sessions of a user that can be used or refreshed."""
    return select(Session).where(
        Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > clock.now()
    )


def find_active(token_hash: str) -> ActiveSession | None:
    """Find the session of a valid access token; None when the token is unknown, expired, revoked or idle."""
    auth_session = session().scalar(select(Session).where(Session.token_hash == token_hash))
    if auth_session is None or not is_active(auth_session):
        return None
    user, client = auth_session.user, auth_session.client
    return ActiveSession(
        session_id=auth_session.id,
        subject=user.id if user else str(auth_session.client_id),
        kind=user.kind if user else "machine",
        gateway=GATEWAY_OF_KIND[user.kind] if user else (client.gateway if client else ""),
        client_id=auth_session.client_id,
        roles=tuple(user.role_names) if user else (),
        scopes=find_scopes(auth_session),
        expires_at=min(auth_session.expires_at, auth_session.access_expires_at),
        is_last_seen_outdated=clock.now() - auth_session.last_seen_at > LAST_SEEN_PRECISION,
    )


def find_scopes(auth_session: Session) -> tuple[str, ...]:
    """Return what the session allows now: no more than the user's roles, the client and the consent allow."""
    return intersect_scopes(
        find_permissions(auth_session.user) if auth_session.user else None,
        auth_session.client.scopes if auth_session.client else None,
        auth_session.scope.split() if auth_session.scope is not None else None,
    )


def store_last_use(session_id: str) -> None:
    """Store that the session is used now."""
    session().execute(update(Session).where(Session.id == session_id).values(last_seen_at=clock.now()))
