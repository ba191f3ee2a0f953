"""The relay sends the outbox to SNS, in order, and keeps what SNS did not take.

One relay a service is enough; a second one would send duplicates, which inboxes make once. An event that SNS
refuses by itself is tried again more rarely, so that it holds no other up.

Outside production the relay also looks after the service's topology. When that is gone (an emulator lost its
state), it makes it again and sends the last hour's events once more, because messages under way were lost with the
queues; and a second time a little later, for subscribers that were back later than this service.
An emulator that keeps its state still loses what it accepted in the moment before it was killed: after an outage of
the queues the events of the minute before it are sent again.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from sqlalchemy import update

from libs.chassis import clock, logs, messaging, metrics, outbox, retention, topology
from libs.chassis.db import unit_of_work
from libs.chassis.events import EventRegistry
from libs.chassis.outbox import WaitingEvent
from libs.chassis.settings import settings
from libs.chassis.tables import OutboxRow

BATCH = 10  # the most that SNS takes in one PublishBatch
BATCH_BYTES = 250_000  # the same for the sum of its messages: 256 KiB
BUSY_SECONDS = 0.1
MAX_PAUSE_SECONDS = 10.0
LOOK_SECONDS = 5.0
REFUSED_SECONDS = 30.0
SWEEP_SECONDS = 3600.0
LATE_SUBSCRIBERS_SECONDS = 15.0
RESEND = timedelta(hours=1)
RESEND_BEFORE_OUTAGE = timedelta(minutes=1)
OUTAGE_OVER_SECONDS = 5.0


class Outage:
    """When the queues were unavailable last, as the consumers of this process have seen it."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._seen_at = 0.0

    def note(self) -> None:
        """A queue is unavailable now."""
        self._began = self._began or clock.now()
        self._seen_at = time.monotonic()

    def ended(self) -> datetime | None:
        """When the outage began that has just ended, once for each outage; None without one."""
        began = self._began
        if began is None or time.monotonic() - self._seen_at < OUTAGE_OVER_SECONDS:
            return None
        self._began = None
        return began


outage = Outage()


class Relay:
    """Sends one service's outbox until told to stop."""

    def __init__(self, registry: EventRegistry, stop: threading.Event) -> None:
        self._registry = registry
        self._stop = stop
        self._topic = topology.topic_name(registry.domain)
        self._log = logs.get_logger("relay")
        self._done_at: dict[str, float] = {}
        self._resend_at: float | None = None
        self._is_whole = True

    def run(self) -> None:
        pause = BUSY_SECONDS
        while not self._stop.is_set():
            try:
                self._do_what_is_due()
                pause = 0.0 if self.send_batch() else BUSY_SECONDS
            except Exception as error:
                pause = min(max(pause, BUSY_SECONDS) * 2, MAX_PAUSE_SECONDS)
                self._log.warning("outbox waits", reason=type(error).__name__, next_try_s=round(pause, 1))
            self._stop.wait(pause)

    def _do_what_is_due(self) -> None:
        if not settings().is_production:
            if self._is_due("look", LOOK_SECONDS):
                self._look_after_topology()
            self._send_again_after_outage()
        if self._resend_at is not None and time.monotonic() >= self._resend_at:
            self._resend_at = None
            self._send_again()
        if self._is_due("refused", REFUSED_SECONDS):
            self.send_batch(refused=True)
        if self._is_due("sweep", SWEEP_SECONDS):
            retention.delete_expired()

    def _is_due(self, what: str, seconds: float) -> bool:
        """Whether `what` was last due `seconds` ago, or never."""
        due = time.monotonic() - self._done_at.get(what, float("-inf")) >= seconds
        if due:
            self._done_at[what] = time.monotonic()
        return due

    def send_batch(self, *, refused: bool = False) -> int:
        """Send up to ten events (those that SNS refused before, or the others); how many were taken.

        Raises what SNS or the database raises.
        """
        rows = _that_fit(outbox.waiting(BATCH, refused=refused))
        if not rows:
            return 0
        taken = 0
        for batch, answer in self._published(rows):
            self._mark(batch, answer)
            taken += len(answer.get("Successful", ()))
        return taken

    def _published(self, rows: list[WaitingEvent]) -> Iterator[tuple[list[WaitingEvent], dict[str, Any]]]:
        """The rows with SNS's answer. A batch that it refuses as a whole is sent one by one: one row spoils it."""
        try:
            yield rows, self._publish(rows)
            return
        except ClientError as error:
            if not _is_about_the_content(error):
                raise
        for row in rows:
            try:
                answer = self._publish([row])
            except ClientError as error:
                if not _is_about_the_content(error):
                    raise
                answer = {"Failed": [{"Id": str(row.id), "Message": str(error)}]}
            yield [row], answer

    def _publish(self, rows: list[WaitingEvent]) -> dict[str, Any]:
        entries = [_entry(row) for row in rows]
        answer: dict[str, Any] = topology.aws("sns").publish_batch(
            TopicArn=self._arn(), PublishBatchRequestEntries=entries
        )
        return answer

    def _arn(self) -> str:
        if self._topic not in _arns:
            _arns[self._topic] = topology.topic_arn(self._topic, self._registry.domain)
        return _arns[self._topic]

    def _mark(self, rows: list[WaitingEvent], answer: dict[str, Any]) -> None:
        taken = {int(entry["Id"]) for entry in answer.get("Successful", ())}
        failed = {int(entry["Id"]): entry.get("Message", "refused") for entry in answer.get("Failed", ())}
        if taken:
            with unit_of_work() as db:
                sent = update(OutboxRow).where(OutboxRow.id.in_(taken))
                db.execute(sent.values(published_at=clock.now(), attempts=OutboxRow.attempts + 1))
        outbox.park(failed)
        for row in rows:
            outcome = "sent" if row.id in taken else "refused"
            metrics.EVENTS.labels("out", row.type, outcome).inc()
            self._log.info("event", event_id=row.event_id, type=row.type, outcome=outcome)

    def _look_after_topology(self) -> None:
        if self._is_whole and topology.is_there(self._registry):
            return
        self._is_whole = False
        topology.ensure_topology(self._registry)
        self._is_whole = True
        messaging.forget_queues()
        self._send_again()
        self._resend_at = time.monotonic() + LATE_SUBSCRIBERS_SECONDS
        self._log.warning("topology made again; the last hour's events are sent once more")

    def _send_again_after_outage(self) -> None:
        began = outage.ended()
        if began is not None:
            self._send_again(began - RESEND_BEFORE_OUTAGE)
            self._log.warning("queues were unavailable; the events since a minute before are sent again")

    def _send_again(self, since: datetime | None = None) -> None:
        with unit_of_work() as db:
            recent = update(OutboxRow).where(OutboxRow.published_at > (since or clock.now() - RESEND))
            db.execute(recent.values(published_at=None, attempts=0))


_arns: dict[str, str] = {}


def _that_fit(rows: Sequence[WaitingEvent]) -> list[WaitingEvent]:
    """The first rows that SNS takes together, one at least."""
    sizes = itertools.accumulate(len(row.body.encode()) for row in rows)
    return [row for row, size in zip(rows, sizes, strict=True) if size <= BATCH_BYTES or row is rows[0]]


# An unknown topic, a missing right or too many requests are not the fault of an event.
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


def _is_about_the_content(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in _CONTENT_CODES


def _entry(row: WaitingEvent) -> dict[str, Any]:
    return {
        "Id": str(row.id),
        "Message": row.body,
        "MessageAttributes": {"type": {"DataType": "String", "StringValue": row.type}},
    }


def run(registry: EventRegistry, stop: threading.Event) -> None:
    """Run a relay in this thread until `stop` is set."""
    Relay(registry, stop).run()
