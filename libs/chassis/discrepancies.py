"""States that another domain contradicts: each has a row from the first attempt to repair it until it has ended.

A state that repairs do not end is reported once, by a metric and the log line `domains disagree`, which an alarm
counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from libs.chassis import clock, logs, metrics
from libs.chassis.db import session, unit_of_work
from libs.chassis.log_events import LogEvent
from libs.chassis.tables import DiscrepancyRow

REPORT_AFTER_ATTEMPTS = 3
ENDED_AFTER = timedelta(minutes=2)
BATCH_SIZE = 200


def count_attempts(check: str, subject: str) -> int:
    """The number of repairs that did not end the state of the subject."""
    row = session().get(DiscrepancyRow, (check, subject))
    return 0 if row is None else row.attempts


def record_attempt(check: str, subject: str, detail: str) -> None:
    """Count an attempt to repair the subject, and report it after REPORT_AFTER_ATTEMPTS."""
    now = clock.now()
    row = session().get(DiscrepancyRow, (check, subject), with_for_update=True)
    if row is None:
        row = DiscrepancyRow(check_name=check, subject=subject, attempts=0, found_at=now)
        session().add(row)
    row.detail, row.seen_at, row.attempts = detail[:300], now, row.attempts + 1
    outcome = "attempted"
    if row.reported_at is None and row.attempts >= REPORT_AFTER_ATTEMPTS:
        row.reported_at, outcome = now, "reported"
    session().flush()
    metrics.CONSISTENCY.labels(check, outcome).inc()
    fields = {"check": check, "subject": subject, "detail": row.detail, "attempts": row.attempts}
    if outcome == "reported":
        logs.get_logger(__name__).error(LogEvent.DOMAINS_DISAGREE, **fields)
    else:
        logs.get_logger(__name__).warning("stuck state", **fields)


def delete_ended(check: str, *, before: datetime) -> None:
    """Delete the rows of states that the check has not found for ENDED_AFTER, nor since `before`."""
    ended = select(DiscrepancyRow).where(
        DiscrepancyRow.check_name == check, DiscrepancyRow.seen_at < min(before, clock.now() - ENDED_AFTER)
    )
    with unit_of_work() as db:
        for row in db.scalars(ended.limit(BATCH_SIZE)).all():
            db.delete(row)
            outcome = "repaired" if row.reported_at is None else "ended"
            metrics.CONSISTENCY.labels(check, outcome).inc()
            logs.get_logger(__name__).info("stuck state ended", check=check, subject=row.subject, outcome=outcome)


def list_reported() -> list[dict[str, Any]]:
    """The reported discrepancies that have not ended, oldest first."""
    reported = select(DiscrepancyRow).where(DiscrepancyRow.reported_at.is_not(None))
    with unit_of_work(reads_only=True) as db:
        return [
            {
                "check": row.check_name,
                "subject": row.subject,
                "detail": row.detail,
                "attempts": row.attempts,
                "found_at": clock.rfc3339(row.found_at),
            }
            for row in db.scalars(reported.order_by(DiscrepancyRow.found_at))
        ]
