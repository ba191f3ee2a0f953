"""The relay sends the outbox to SNS, in order, and keeps what SNS did not take.

One relay a service is enough; a second one would send duplicates, which inboxes make once. When the topic is gone
(the local emulator keeps topics only over a graceful stop), it makes the topology again and sends the last hour's
events once more, because messages under way were lost with the queues.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update

from libs.chassis import clock, logs, messaging, metrics, topology
from libs.chassis.db import unit_of_work
from libs.chassis.events import EventRegistry
from libs.chassis.settings import settings
from libs.chassis.tables import InboxRow, OutboxRow

BATCH = 10  # the most that SNS takes in one PublishBatch
BUSY_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
RESEND = timedelta(hours=1)
KEEP = timedelta(days=7)


class Relay:
    """Sends one service's outbox until told to stop."""

    def __init__(self, registry: EventRegistry, stop: threading.Event) -> None:
        self._registry = registry
        self._stop = stop
        self._topic = topology.topic_name(registry.domain)
        self._log = logs.get_logger("relay")

    def run(self) -> None:
        pause, swept_at = BUSY_SECONDS, clock.now()
        while not self._stop.is_set():
            try:
                sent = self.send_batch()
                pause = 0.0 if sent == BATCH else BUSY_SECONDS
                if clock.now() - swept_at > timedelta(hours=1):
                    self._forget_old()
                    swept_at = clock.now()
            except Exception as error:
                pause = min(max(pause, BUSY_SECONDS) * 2, LONGEST_PAUSE_SECONDS)
                self._log.warning("outbox waits", reason=type(error).__name__, next_try_s=round(pause, 1))
            self._stop.wait(pause)

    def send_batch(self) -> int:
        """Send up to ten events; how many were taken. Raises what SNS or the database raises."""
        with unit_of_work(reads_only=True) as db:
            waiting = select(OutboxRow).where(OutboxRow.published_at.is_(None))
            rows = list(db.scalars(waiting.order_by(OutboxRow.id).limit(BATCH)))
        if not rows:
            return 0
        sns = topology.aws("sns")
        try:
            answer = sns.publish_batch(
                TopicArn=_arn_without_making(self._topic),
                PublishBatchRequestEntries=[_entry(r) for r in rows],
            )
        except sns.exceptions.NotFoundException:
            self._make_again()
            return BATCH
        self._mark(rows, answer)
        return len(answer.get("Successful", ()))

    def _mark(self, rows: list[OutboxRow], answer: dict[str, Any]) -> None:
        taken = {int(entry["Id"]) for entry in answer.get("Successful", ())}
        failed = {int(entry["Id"]): entry.get("Message", "refused") for entry in answer.get("Failed", ())}
        with unit_of_work() as db:
            if taken:
                sent = update(OutboxRow).where(OutboxRow.id.in_(taken))
                db.execute(sent.values(published_at=clock.now(), attempts=OutboxRow.attempts + 1))
            for row_id, reason in failed.items():
                refused = update(OutboxRow).where(OutboxRow.id == row_id)
                db.execute(refused.values(attempts=OutboxRow.attempts + 1, last_error=reason[:500]))
        for row in rows:
            outcome = "sent" if row.id in taken else "refused"
            metrics.EVENTS.labels("out", row.type, outcome).inc()
            self._log.info("event", event_id=row.event_id, type=row.type, outcome=outcome)

    def _make_again(self) -> None:
        if settings().is_production:
            raise RuntimeError(f"the topic {self._topic} is gone; infra makes it")
        topology.ensure_topology(self._registry)
        messaging.forget_queues()
        with unit_of_work() as db:
            recent = update(OutboxRow).where(OutboxRow.published_at > clock.now() - RESEND)
            db.execute(recent.values(published_at=None))
        self._log.warning("topology made again; the last hour's events are sent once more")

    def _forget_old(self) -> None:
        with unit_of_work() as db:
            db.execute(delete(OutboxRow).where(OutboxRow.published_at < clock.now() - KEEP))
            db.execute(delete(InboxRow).where(InboxRow.handled_at < clock.now() - 2 * KEEP))


_arns: dict[str, str] = {}


def _arn_without_making(topic: str) -> str:
    """The topic's ARN, made once; later a missing topic is noticed when publishing."""
    if topic not in _arns:
        _arns[topic] = topology.topic_arn(topic)
    return _arns[topic]


def _entry(row: OutboxRow) -> dict[str, Any]:
    return {
        "Id": str(row.id),
        "Message": row.body,
        "MessageAttributes": {"type": {"DataType": "String", "StringValue": row.type}},
    }


def run(registry: EventRegistry, stop: threading.Event) -> None:
    """Run a relay in this thread until `stop` is set."""
    Relay(registry, stop).run()
