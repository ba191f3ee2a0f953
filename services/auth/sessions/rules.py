"""When tokens and sessions expire, and what a session allows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from services.auth.sessions.tables import Session

REFRESH_GRACE_PERIOD = timedelta(seconds=10)
GATEWAY_OF_KIND = {"customer": "external", "internal": "internal"}


def calculate_token_expiry(now: datetime, seconds: int, session_expires_at: datetime) -> datetime:
    """Return when a token with this lifetime expires; no token outlives its session."""
    return min(now + timedelta(seconds=seconds), session_expires_at)


def is_within_grace_period(used_at: datetime | None, now: datetime) -> bool:
    """Return whether a refresh token that was used at `used_at` still gets the replacement of that use."""
    return used_at is not None and timedelta(0) <= now - used_at <= REFRESH_GRACE_PERIOD


def can_be_refreshed(auth_session: Session, now: datetime) -> bool:
    """Return whether the session has not ended, and its client and its user may still use it."""
    if auth_session.revoked_at is not None or auth_session.expires_at <= now:
        return False
    if auth_session.client is not None and auth_session.client.removed_at is not None:
        return False
    return auth_session.user is None or auth_session.user.state == "active"


def is_access_token_valid(auth_session: Session, now: datetime, idle_seconds: int) -> bool:
    """Return whether the access token of the session can be used; it expires when idle for too long."""
    was_used_recently = auth_session.last_seen_at > now - timedelta(seconds=idle_seconds)
    return can_be_refreshed(auth_session, now) and auth_session.access_expires_at > now and was_used_recently


def intersect_scopes(*limits: Iterable[str] | None) -> tuple[str, ...]:
    """Return the sorted scopes that all limits allow. None is no limit; without any limit nothing is allowed."""
    present = [set(limit) for limit in limits if limit is not None]
    return tuple(sorted(set.intersection(*present))) if present else ()
