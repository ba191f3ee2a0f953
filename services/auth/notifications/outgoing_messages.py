"""The queue of outgoing messages: rows that are written with their cause, dispatched and delivered.

A message is dispatched to SNS, which delivers SMS and push messages; a mail goes on to the queue `mail`, whose
consumer hands it to the mail server. A mail that is not delivered in time is dispatched again, because a queue can
lose it; its row prevents duplicates. Only a crash between the acceptance by SNS or the mail server and the update
of the row duplicates a message, because losing it would be worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from libs.chassis import clock
from libs.chassis.db import session
from services.auth.notifications.tables import OutgoingMessage

BATCH_SIZE = 50
MAX_PER_HOUR = 5
FIRST_RETRY_AFTER = timedelta(seconds=30)
MAX_RETRY_AFTER = timedelta(hours=1)
PAUSE_DURING_OUTAGE = timedelta(seconds=5)
EXPIRES_AFTER = timedelta(days=3)
CLAIM_DURATION = timedelta(minutes=2)  # longer than all timeouts of the mail server together


class AlreadyClaimed(Exception):
    """Another worker is delivering this message; it is redelivered by the queue, and is delivered then."""


def enqueue(message_id: str, channel: str, recipient: str, subject: str, text: str) -> None:
    """Add a message in the current transaction; a duplicate id is ignored."""
    if session().get(OutgoingMessage, message_id) is not None:
        return
    now = clock.now()
    session().add(
        OutgoingMessage(
            id=message_id,
            channel=channel,
            recipient=recipient,
            subject=subject,
            text=text,
            created_at=now,
            due_at=now,
            attempts=0,
        )
    )


def is_rate_limited(recipient: str) -> bool:
    """Return whether the recipient received as many messages in the last hour as are allowed."""
    return _is_limit_reached(OutgoingMessage.recipient == recipient)


def is_prefix_rate_limited(id_prefix: str) -> bool:
    """Return whether as many messages with this prefix of the id were enqueued in the last hour as are allowed."""
    return _is_limit_reached(OutgoingMessage.id.startswith(id_prefix, autoescape=True))


def _is_limit_reached(condition: ColumnElement[bool]) -> bool:
    an_hour_ago = clock.now() - timedelta(hours=1)
    count = select(func.count()).where(condition, OutgoingMessage.created_at > an_hour_ago)
    return (session().scalar(count) or 0) >= MAX_PER_HOUR


def list_due() -> Sequence[OutgoingMessage]:
    """List the messages to dispatch now, oldest first; expired ones are not dispatched any more."""
    now = clock.now()
    due = select(OutgoingMessage).where(
        OutgoingMessage.due_at <= now, OutgoingMessage.created_at > now - EXPIRES_AFTER
    )
    return session().scalars(due.order_by(OutgoingMessage.due_at).limit(BATCH_SIZE)).all()


def schedule_next_attempt(message: OutgoingMessage) -> bool:
    """Schedule the next attempt before this one is made; False when another worker was faster."""
    unchanged = update(OutgoingMessage).where(
        OutgoingMessage.id == message.id, OutgoingMessage.due_at == message.due_at
    )
    due_at = clock.now() + calculate_retry_delay(message.attempts)
    return _changed_one(unchanged.values(due_at=due_at, attempts=message.attempts + 1))


def calculate_retry_delay(attempts: int) -> timedelta:
    """Return how long to wait for the next attempt; it doubles with each attempt."""
    return min(FIRST_RETRY_AFTER * (1 << min(attempts, 10)), MAX_RETRY_AFTER)


def postpone(message: OutgoingMessage) -> None:
    """Retry soon, without counting the attempt: SNS accepts no message at all."""
    pending = update(OutgoingMessage).where(OutgoingMessage.id == message.id, OutgoingMessage.due_at.is_not(None))
    session().execute(pending.values(due_at=clock.now() + PAUSE_DURING_OUTAGE, attempts=message.attempts))


def claim(message_id: str) -> OutgoingMessage | None:
    """Claim a message for delivery; None when it is delivered already.

    Raises:
        AlreadyClaimed: another worker is delivering it.
        LookupError: there is no such message.
    """
    now = clock.now()
    is_unclaimed = OutgoingMessage.claimed_until.is_(None) | (OutgoingMessage.claimed_until < now)
    claimable = update(OutgoingMessage).where(
        OutgoingMessage.id == message_id, OutgoingMessage.delivered_at.is_(None), is_unclaimed
    )
    is_claimed = _changed_one(claimable.values(claimed_until=now + CLAIM_DURATION))
    message = session().get(OutgoingMessage, message_id)
    if message is None:
        raise LookupError(f"there is no message {message_id}")
    if message.delivered_at is None and not is_claimed:
        raise AlreadyClaimed
    return message if is_claimed else None


def release(message_id: str) -> None:
    """End the claim; the message is dispatched again when it is due."""
    _update(message_id)


def mark_delivered(message_id: str) -> None:
    """End the claim and delete the text, which may hold a one-time link."""
    _update(message_id, due_at=None, delivered_at=clock.now(), text="")


def mark_undeliverable(message_id: str) -> None:
    """End the claim and do not try again."""
    _update(message_id, due_at=None, text="")


def _update(message_id: str, **values: Any) -> None:
    message = update(OutgoingMessage).where(OutgoingMessage.id == message_id)
    session().execute(message.values(claimed_until=None, **values))


def _changed_one(statement: Any) -> bool:
    result: Any = session().execute(statement)
    return bool(result.rowcount == 1)
