"""Revoke sessions and access tokens, in the database and in the session cache.

The database is authoritative and is changed first. The update of the cache is stored in the same transaction
(`session_cache_updates`), sent to ElastiCache right after the commit, and sent again by a job until that succeeds.
While ElastiCache is unavailable the token exchange reads the database, so a revocation is effective immediately.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from libs.chassis import clock, logs
from libs.chassis.cache import RedisError
from libs.chassis.db import after_commit, session
from libs.chassis.ids import uuid7
from libs.chassis.problems import NotFound
from services.auth import audit_trail
from services.auth.accounts.tables import User
from services.auth.oauth.tables import AuthorizationCode
from services.auth.sessions import cache, lookup
from services.auth.sessions.tables import Session, SessionCacheUpdate

BATCH_SIZE = 500


def log_out(session_id: str | None) -> None:
    """Revoke a session; do nothing when it has ended already."""
    auth_session = session().get(Session, session_id)
    user = auth_session.user if auth_session else None
    if revoke_sessions(Session.id == session_id) and user is not None:
        audit_trail.record(user, "log_out", f"/auth/v1/sessions/{session_id}")


def revoke_session_of_user(user_id: str, session_id: str) -> None:
    """Revoke a session of the user; NotFound for any other session."""
    if session().scalar(lookup.select_by_user(user_id).where(Session.id == session_id)) is None:
        raise NotFound
    log_out(session_id)


def revoke_all(user: User, reason: str, keep: str | None = None) -> None:
    """Revoke every session of a user, except `keep`, and void authorization codes that are not used yet."""
    others = [Session.id != keep] if keep else []
    codes = delete(AuthorizationCode).where(AuthorizationCode.user_id == user.id)
    session().execute(codes.where(AuthorizationCode.session_id.is_(None)))
    if revoke_sessions(Session.user_id == user.id, *others):
        audit_trail.record(user, "sessions_ended", after={"reason": reason})


def revoke_sessions(*conditions: Any) -> int:
    """Revoke the sessions that match all conditions; return their number."""
    active = select(Session.id, Session.token_hash).where(Session.revoked_at.is_(None), *conditions)
    rows = session().execute(active.with_for_update()).all()
    if rows:
        ids = [row.id for row in rows]
        session().execute(update(Session).where(Session.id.in_(ids)).values(revoked_at=clock.now()))
        revoke_access_tokens([row.token_hash for row in rows])
    return len(rows)


def revoke_access_tokens(token_hashes: Iterable[str]) -> None:
    """Let the cache reject these access tokens once the current transaction is committed."""
    _update_cache(list(token_hashes))


def invalidate_permissions() -> None:
    """Let the cached JWTs be signed again, with new permissions, once the current transaction is committed."""
    _update_cache([None])


def _update_cache(token_hashes: Sequence[str | None]) -> None:
    session().add_all(SessionCacheUpdate(id=str(uuid7()), token_hash=value) for value in token_hashes)
    after_commit(lambda: _send_to_cache(token_hashes))


def _send_to_cache(token_hashes: Iterable[str | None]) -> None:
    """Send the updates to the cache; a failure is left to the job."""
    try:
        cache.apply(token_hashes)
    except RedisError as error:
        logs.get_logger(__name__).warning("session cache update postponed", reason=type(error).__name__)


def send_pending_updates() -> None:
    """Send the stored updates to the cache and delete them. Sending an update again is harmless.

    Raises:
        RedisError: the cache is unavailable; the updates stay.
    """
    pending = session().scalars(select(SessionCacheUpdate).order_by(SessionCacheUpdate.id).limit(BATCH_SIZE)).all()
    if pending:
        cache.apply([row.token_hash for row in pending])
        ids = [row.id for row in pending]
        session().execute(delete(SessionCacheUpdate).where(SessionCacheUpdate.id.in_(ids)))
