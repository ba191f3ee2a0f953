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
    found = session().get(Session, session_id)
    if found is None or not is_active(found):
        raise NotFound
    return found


def is_active(found: Session) -> bool:
    """Return whether the access token of the session is valid now."""
    return is_access_token_valid(found, clock.now(), auth_settings().access_idle_seconds)


def select_of_user(user_id: str) -> Select[Session]:
    """Select the sessions of a user that can be used or refreshed."""
    return select(Session).where(
        Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > clock.now()
    )


def find_active(token_hash: str) -> ActiveSession | None:
    """Find the session of a valid access token; None when the token is unknown, expired, revoked or idle."""
    found = session().scalar(select(Session).where(Session.token_hash == token_hash))
    if found is None or not is_active(found):
        return None
    user, client = found.user, found.client
    return ActiveSession(
        session_id=found.id,
        subject=user.id if user else str(found.client_id),
        kind=user.kind if user else "machine",
        gateway=GATEWAY_OF_KIND[user.kind] if user else (client.gateway if client else ""),
        client_id=found.client_id,
        roles=tuple(user.role_names) if user else (),
        scopes=find_scopes(found),
        expires_at=min(found.expires_at, found.access_expires_at),
        is_last_seen_outdated=clock.now() - found.last_seen_at > LAST_SEEN_PRECISION,
    )


def find_scopes(found: Session) -> tuple[str, ...]:
    """Return what the session allows now: no more than the user's roles, the client and the consent allow."""
    return intersect_scopes(
        find_permissions(found.user) if found.user else None,
        found.client.scopes if found.client else None,
        found.scope.split() if found.scope is not None else None,
    )


def store_last_use(session_id: str) -> None:
    """Store that the session is used now."""
    session().execute(update(Session).where(Session.id == session_id).values(last_seen_at=clock.now()))
