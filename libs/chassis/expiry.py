"""How long the chassis's own rows are kept, and their deletion."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from libs.chassis import clock
from libs.chassis.db import unit_of_work
from libs.chassis.tables import IdempotencyRow, InboxRow, OutboxRow

KEEP_EVENTS = timedelta(days=7)
# As the header's description in openapi/components/parameters.yaml promises. A response may hold personal data.
KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)


def delete_expired() -> None:
    """Delete sent events, notes of handled ones and Idempotency-Keys with their responses, once they are old."""
    now = clock.now()
    for old in (
        delete(OutboxRow).where(OutboxRow.published_at < now - KEEP_EVENTS),
        delete(InboxRow).where(InboxRow.handled_at < now - 2 * KEEP_EVENTS),
        delete(IdempotencyRow).where(IdempotencyRow.created_at < now - KEEP_IDEMPOTENCY_KEYS),
    ):
        with unit_of_work() as db:
            db.execute(old)
