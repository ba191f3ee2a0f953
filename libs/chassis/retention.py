"""How long the chassis's own rows are kept, and their deletion."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from libs.chassis import clock, jobs
from libs.chassis.db import unit_of_work
from libs.chassis.tables import IdempotencyRow, InboxRow, OutboxRow

KEEP_EVENTS = timedelta(days=7)
# As the header's description in openapi/components/parameters.yaml promises. A response may hold personal data.
KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)
BATCH = 1000  # rows in one transaction: a larger one might take longer than a statement may

# The time from which a row is kept, and for how long; each has an index.
KEPT = (
    (OutboxRow.published_at, KEEP_EVENTS),
    (InboxRow.handled_at, 2 * KEEP_EVENTS),
    (IdempotencyRow.created_at, KEEP_IDEMPOTENCY_KEYS),
)
When = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def delete_expired() -> None:
    """Delete sent events, notes of handled ones and Idempotency-Keys with their responses, once they are old.

    A table for which it fails keeps its rows until the next time, the others do not.
    """
    now = clock.now()
    for when, kept in KEPT:
        try:
            while _delete_batch(when, now - kept):
                pass
        except Exception as error:
            jobs.report_failure("delete_expired", when.class_.__tablename__, error)


def _delete_batch(when: When, before: datetime) -> bool:
    """Delete the oldest rows, about a batch; whether more may follow."""
    last = select(when).where(when < before).order_by(when).offset(BATCH - 1).limit(1)
    with unit_of_work() as db:
        bound = db.scalar(last)
        is_old = when < before if bound is None else when <= bound
        db.execute(delete(when.class_).where(is_old).execution_options(synchronize_session=False))
    return bound is not None
