"""The retention of the chassis's own rows."""

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
BATCH_SIZE = 1000  # rows per transaction, few enough for the deadline of a statement

# The column from which the retention counts, which has an index, and its length.
RETENTIONS = (
    (OutboxRow.published_at, KEEP_EVENTS),
    (InboxRow.handled_at, 2 * KEEP_EVENTS),
    (IdempotencyRow.created_at, KEEP_IDEMPOTENCY_KEYS),
)
When = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def delete_expired() -> None:
    """Delete old published events, inbox rows, and Idempotency-Keys with their responses.

    A failure for one table does not affect the others.
    """
    now = clock.now()
    for when, retention in RETENTIONS:
        try:
            while _delete_batch(when, now - retention):
                pass
        except Exception as error:
            jobs.report_failure("delete_expired", when.class_.__tablename__, error)


def _delete_batch(when: When, before: datetime) -> bool:
    """Delete up to about BATCH_SIZE of the oldest rows. Returns whether there may be more."""
    last = select(when).where(when < before).order_by(when).offset(BATCH_SIZE - 1).limit(1)
    with unit_of_work() as db:
        bound = db.scalar(last)
        is_old = when < before if bound is None else when <= bound
        db.execute(delete(when.class_).where(is_old).execution_options(synchronize_session=False))
    return bound is not None
