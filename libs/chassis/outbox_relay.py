"""The relay publishes the outbox of a service to SNS, in order, and keeps what SNS does not accept.

One relay per service is enough; a second one would publish duplicates, which inboxes handle once. An event that SNS
rejects, or that cannot be read, is parked: it is retried less often, and does not block the others.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from libs.chassis import aws, clock, logs, metrics, retention, topology
from libs.chassis.db import unit_of_work
from libs.chassis.events import EventRegistry
from libs.chassis.log_events import LogEvent
from libs.chassis.skipped_items import ITEM_FAULTS
from libs.chassis.tables import OutboxRow

BATCH_SIZE = 10  # the limit of SNS for one PublishBatch
BATCH_BYTES = 250_000  # below its limit for all messages of a batch, 256 KiB
IDLE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 10.0
RETRY_PARKED_SECONDS = 30.0
RETENTION_SECONDS = 3600.0
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class WaitingEvent:
    """The columns of an outbox row that are published."""

    id: int
    event_id: str
    type: str
    body: str


class Relay:
    """Publishes the outbox of one service until it is stopped."""

    def __init__(self, registry: EventRegistry, stop: threading.Event) -> None:
        self._domain = registry.domain
        self._stop = stop
        self._arn = ""
        self._log = logs.get_logger("relay")
        self._last_run: dict[str, float] = {}

    def run(self) -> None:
        pause = IDLE_SECONDS
        while not self._stop.is_set():
            try:
                if self._is_due("parked", RETRY_PARKED_SECONDS):
                    self.publish_batch(parked=True)
                if self._is_due("retention", RETENTION_SECONDS):
                    retention.delete_expired()
                pause = 0.0 if self.publish_batch() else IDLE_SECONDS
            except Exception as error:
                pause = min(max(pause, IDLE_SECONDS) * 2, MAX_PAUSE_SECONDS)
                self._log.warning("outbox waits", reason=type(error).__name__, next_try_s=round(pause, 1))
            self._stop.wait(pause)

    def _is_due(self, task: str, seconds: float) -> bool:
        """Whether `task` was last due `seconds` ago, or never."""
        is_due = time.monotonic() - self._last_run.get(task, float("-inf")) >= seconds
        if is_due:
            self._last_run[task] = time.monotonic()
        return is_due

    def publish_batch(self, *, parked: bool = False) -> int:
        """Publish up to BATCH_SIZE events (those that are parked, or the others). Returns how many SNS accepted.

        Raises the errors of SNS and of the database.
        """
        events = _limit_bytes(find_waiting(BATCH_SIZE, parked=parked))
        if not events:
            return 0
        accepted = 0
        for batch, response in self._publish_separably(events):
            self._record(batch, response)
            accepted += len(response.get("Successful", ()))
        return accepted

    def _publish_separably(self, events: list[WaitingEvent]) -> Iterator[tuple[list[WaitingEvent], dict[str, Any]]]:
        """The events with the response of SNS; one by one when SNS rejects the batch because of one of them."""
        try:
            yield events, self._publish(events)
            return
        except ClientError as error:
            if not _is_about_content(error):
                raise
        for event in events:
            try:
                response = self._publish([event])
            except ClientError as error:
                if not _is_about_content(error):
                    raise
                response = {"Failed": [{"Id": str(event.id), "Message": str(error)}]}
            yield [event], response

    def _publish(self, events: list[WaitingEvent]) -> dict[str, Any]:
        self._arn = self._arn or topology.topic_arn(topology.topic_name(self._domain), self._domain)
        entries = [_batch_entry(event) for event in events]
        response: dict[str, Any] = aws.client("sns").publish_batch(
            TopicArn=self._arn, PublishBatchRequestEntries=entries
        )
        return response

    def _record(self, events: list[WaitingEvent], response: dict[str, Any]) -> None:
        accepted = {int(entry["Id"]) for entry in response.get("Successful", ())}
        rejected = {int(entry["Id"]): entry.get("Message", "rejected") for entry in response.get("Failed", ())}
        if accepted:
            with unit_of_work() as db:
                published = update(OutboxRow).where(OutboxRow.id.in_(accepted))
                db.execute(published.values(published_at=clock.now(), attempts=OutboxRow.attempts + 1))
        _park(rejected)
        for event in events:
            outcome = "published" if event.id in accepted else "rejected"
            metrics.EVENTS.labels("out", event.type, outcome).inc()
            self._log.info("event", event_id=event.event_id, type=event.type, outcome=outcome)


def find_waiting(limit: int, *, parked: bool) -> list[WaitingEvent]:
    """Up to `limit` events that wait: those that are parked, or the others, in their order."""
    waiting = select(OutboxRow.id).where(OutboxRow.published_at.is_(None)).limit(limit)
    if parked:
        waiting = waiting.where(OutboxRow.attempts > 0).order_by(OutboxRow.attempts, OutboxRow.id)
    else:
        waiting = waiting.where(OutboxRow.attempts == 0).order_by(OutboxRow.id)
    with unit_of_work(reads_only=True) as db:
        ids = db.scalars(waiting).all()
    try:
        return _read(ids)
    except Exception as error:
        if not _is_unreadable(error):
            raise
        logs.get_logger("relay").warning("outbox read one by one", reason=type(error).__name__)
        return _read_one_by_one(ids)


def _read(ids: Sequence[int]) -> list[WaitingEvent]:
    """The events with these ids, in their order. Raises TypeError when a column is not text."""
    columns = select(OutboxRow.id, OutboxRow.event_id, OutboxRow.type, OutboxRow.body)
    with unit_of_work(reads_only=True) as db:
        found = {row.id: WaitingEvent(*row) for row in db.execute(columns.where(OutboxRow.id.in_(ids)))}
    if not all(isinstance(event.body, str) and isinstance(event.type, str) for event in found.values()):
        raise TypeError("an event is not text")
    return [found[row_id] for row_id in ids if row_id in found]


def _read_one_by_one(ids: Sequence[int]) -> list[WaitingEvent]:
    events: list[WaitingEvent] = []
    for row_id in ids:
        try:
            events += _read([row_id])
        except Exception as error:
            if not _is_unreadable(error):
                raise
            _park({row_id: f"{UNREADABLE}: {type(error).__name__}"})
            metrics.EVENTS.labels("out", UNREADABLE, UNREADABLE).inc()
            logs.get_logger("relay").error(LogEvent.EVENT_PARKED, outbox_id=row_id, reason=type(error).__name__)
    return events


def _is_unreadable(error: Exception) -> bool:
    """Whether a row holds what cannot be read; SQLite reports text that is not UTF-8 as an OperationalError."""
    return isinstance(error, ITEM_FAULTS) or (isinstance(error, DBAPIError) and "decode" in str(error.orig))


def _park(reasons: Mapping[int, str]) -> None:
    """Put events behind the others, each by its row id with the reason."""
    with unit_of_work() as db:
        for row_id, reason in reasons.items():
            values: dict[str, Any] = {"attempts": OutboxRow.attempts + 1, "last_error": reason[:500]}
            db.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(values))


def _limit_bytes(events: Sequence[WaitingEvent]) -> list[WaitingEvent]:
    """The first events that fit into one batch, at least one."""
    sizes = itertools.accumulate(len(event.body.encode()) for event in events)
    pairs = zip(events, sizes, strict=True)
    return [event for event, size in pairs if size <= BATCH_BYTES or event is events[0]]


# An unknown topic, a missing permission or throttling is not the fault of an event.
_CONTENT_CODES = frozenset(
    (
        "BatchRequestTooLong",
        "InvalidBatchEntryId",
        "InvalidParameter",
        "InvalidParameterValue",
        "ParameterValueInvalid",
        "ValidationError",
    )
)


def _is_about_content(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in _CONTENT_CODES


def _batch_entry(event: WaitingEvent) -> dict[str, Any]:
    return {
        "Id": str(event.id),
        "Message": event.body,
        "MessageAttributes": {"type": {"DataType": "String", "StringValue": event.type}},
    }
