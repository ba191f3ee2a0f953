"""Reading the outbox: an event that cannot be read is parked and reported, and blocks none of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from libs.chassis import logs, metrics
from libs.chassis.db import unit_of_work
from libs.chassis.log_events import LogEvent
from libs.chassis.skipped_items import ITEM_FAULTS
from libs.chassis.tables import OutboxRow

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class WaitingEvent:
    """What is sent of a row of the outbox."""

    id: int
    event_id: str
    type: str
    body: str


def waiting(limit: int, *, refused: bool) -> list[WaitingEvent]:
    """Up to `limit` events that wait: those that were refused before, or the others, in their order."""
    ids = _ids(limit, refused)
    try:
        return _read(ids)
    except Exception as error:
        if not _is_about_the_content(error):
            raise
        logs.get_logger("relay").warning("outbox read one by one", reason=type(error).__name__)
        return _readable(ids)


def _ids(limit: int, refused: bool) -> Sequence[int]:
    chosen = select(OutboxRow.id).where(OutboxRow.published_at.is_(None)).limit(limit)
    if refused:
        chosen = chosen.where(OutboxRow.attempts > 0).order_by(OutboxRow.attempts, OutboxRow.id)
    else:
        chosen = chosen.where(OutboxRow.attempts == 0).order_by(OutboxRow.id)
    with unit_of_work(reads_only=True) as db:
        return db.scalars(chosen).all()


def _read(ids: Sequence[int]) -> list[WaitingEvent]:
    """The events with these ids, in their order; raises when one of them is no text."""
    columns = select(OutboxRow.id, OutboxRow.event_id, OutboxRow.type, OutboxRow.body)
    with unit_of_work(reads_only=True) as db:
        found = {row.id: WaitingEvent(*row) for row in db.execute(columns.where(OutboxRow.id.in_(ids)))}
    if not all(isinstance(event.body, str) and isinstance(event.type, str) for event in found.values()):
        raise TypeError("an event is no text")
    return [found[one] for one in ids if one in found]


def _readable(ids: Sequence[int]) -> list[WaitingEvent]:
    events: list[WaitingEvent] = []
    for one in ids:
        try:
            events += _read([one])
        except Exception as error:
            if not _is_about_the_content(error):
                raise
            park({one: f"{UNREADABLE}: {type(error).__name__}"})
            metrics.EVENTS.labels("out", UNREADABLE, UNREADABLE).inc()
            logs.get_logger("relay").error(LogEvent.EVENT_PARKED, outbox_id=one, reason=type(error).__name__)
    return events


def _is_about_the_content(error: Exception) -> bool:
    """Whether a row holds what cannot be read; SQLite reports text that is no UTF-8 as an OperationalError."""
    return isinstance(error, ITEM_FAULTS) or (isinstance(error, DBAPIError) and "decode" in str(error.orig))


def park(reasons: Mapping[int, str]) -> None:
    """Put events, by their row's id, behind the others, with the reason; they are tried again from time to time."""
    with unit_of_work() as db:
        for row_id, reason in reasons.items():
            values: dict[str, Any] = {"attempts": OutboxRow.attempts + 1, "last_error": reason[:500]}
            db.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(values))
