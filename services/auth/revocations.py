"""Ending sessions and changing permissions, so that ElastiCache knows of it.

The database is the truth and is changed first. What ElastiCache is to be told is written in the same transaction
(`cache_changes`), told right after the commit, and told again each second by a job while ElastiCache is away. While
it is away the exchange reads the database, so a session that ended is dead at once in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import clock, logs
from libs.chassis.cache import RedisError
from libs.chassis.db import after_commit, session, unit_of_work
from libs.chassis.ids import uuid7
from services.auth import session_cache
from services.auth.models import CacheChange, Session

BATCH = 500


def end_sessions(*which: Any) -> int:
    """End the live sessions that all of these conditions are true of; how many."""
    live = select(Session.id, Session.token_hash).where(Session.revoked_at.is_(None), *which)
    found = session().execute(live.with_for_update()).all()
    if not found:
        return 0
    ids = [session_id for session_id, _ in found]
    session().execute(update(Session).where(Session.id.in_(ids)).values(revoked_at=clock.now()))
    end_tokens([token_hash for _, token_hash in found])
    return len(ids)


def end_tokens(token_hashes: Iterable[str]) -> None:
    """These access tokens are dead once the current unit of work is committed."""
    _tell([CacheChange(id=str(uuid7()), token_hash=token_hash) for token_hash in token_hashes])


def permissions_changed() -> None:
    """JWTs that are kept are made anew once the current unit of work is committed."""
    _tell([CacheChange(id=str(uuid7()), token_hash=None)])


def _tell(changes: Sequence[CacheChange]) -> None:
    session().add_all(changes)
    told = [(change.id, change.token_hash) for change in changes]
    after_commit(lambda: _apply(told))


def _apply(changes: Sequence[tuple[str, str | None]]) -> None:
    """Tell ElastiCache, then forget; what does not work now is left for the job."""
    try:
        session_cache.apply([token_hash for _, token_hash in changes])
        with unit_of_work() as db:
            db.execute(delete(CacheChange).where(CacheChange.id.in_([change_id for change_id, _ in changes])))
    except (RedisError, SQLAlchemyError) as error:
        logs.get_logger(__name__).warning("session cache is told later", reason=type(error).__name__)


def apply_waiting() -> None:
    """Tell ElastiCache what it could not be told before; a job does this each second."""
    with unit_of_work(reads_only=True) as db:
        waiting = db.execute(select(CacheChange.id, CacheChange.token_hash).order_by(CacheChange.id).limit(BATCH))
        changes = [(change_id, token_hash) for change_id, token_hash in waiting]
    if changes:
        _apply(changes)
