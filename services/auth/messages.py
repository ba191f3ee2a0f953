"""Messages on their way: a row in the transaction of what caused it, then SNS.

SNS itself delivers SMS and push messages; mails go on to the queue `mail` and the mail server. No transaction is
open while SNS or the mail server is asked (docs/decisions/0003). A mail that is not delivered in time is given to
SNS again, since a queue can lose it; the row makes it one mail, however often it comes. Only a crash between the
yes of SNS or the mail server and the row's update makes a message two: it must not be lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import clock, jobs, logs, messaging
from libs.chassis.db import session, unit_of_work
from services.auth import mail_server, sns
from services.auth.models import OutgoingMessage
from services.auth.sns import RecipientGone

BATCH = 50
MOST_AN_HOUR = 5
FIRST_REPEAT = timedelta(seconds=30)
LONGEST_REPEAT = timedelta(hours=1)
PAUSE_WITHOUT_SNS = timedelta(seconds=5)
GIVE_UP_AFTER = timedelta(days=3)
CLAIM = timedelta(minutes=2)  # longer than the mail server's time-outs together


class MailBusy(Exception):
    """Another worker hands this message over just now; the message comes back and finds it done."""


def put_on_its_way(message_id: str, channel: str, recipient: str, subject: str, text: str) -> bool:
    """Add a message within the current transaction; False, and nothing is changed, when the id is there already."""
    if session().get(OutgoingMessage, message_id) is not None:
        return False
    moment = clock.now()
    session().add(
        OutgoingMessage(
            id=message_id,
            channel=channel,
            recipient=recipient,
            subject=subject,
            text=text,
            created_at=moment,
            due_at=moment,
            attempts=0,
        )
    )
    return True


def too_many_to(recipient: str) -> bool:
    """Whether so many were written to this address in the last hour that more would annoy its owner."""
    return _too_many(OutgoingMessage.recipient == recipient)


def too_many_with(id_prefix: str) -> bool:
    """Whether so many whose id begins so were written in the last hour."""
    return _too_many(OutgoingMessage.id.startswith(id_prefix, autoescape=True))


def _too_many(which: ColumnElement[bool]) -> bool:
    since = clock.now() - timedelta(hours=1)
    counted = select(func.count()).where(which, OutgoingMessage.created_at > since)
    return (session().scalar(counted) or 0) >= MOST_AN_HOUR


def give_to_sns() -> None:
    """Give what is due to SNS, oldest first. While SNS is down all wait; a message that fails waits alone."""
    for message in _due():
        if not _plan(message, clock.now() + pause_after(message.attempts), message.attempts + 1):
            continue  # another worker was faster
        try:
            _give(message)
        except RecipientGone as error:
            logs.get_logger(__name__).warning("recipient gone", message=message.id, reason=str(error))
            _release(message.id, due_at=None, text="")
        except Exception as error:
            if is_outage(error):
                logs.get_logger(__name__).warning("messages wait", reason=type(error).__name__)
                _postpone(message)
                return
            jobs.report_failure("give messages to SNS", message.id, error)  # its next attempt is planned


def is_outage(error: Exception) -> bool:
    """Whether SNS takes no message at all for now; any other error is of one message and blocks no others."""
    if isinstance(error, ClientError):
        answer = error.response
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttl" in answer.get("Error", {}).get("Code", "")
    return isinstance(error, BotoCoreError | OSError | SQLAlchemyError)


def _postpone(message: OutgoingMessage) -> None:
    again = update(OutgoingMessage).where(OutgoingMessage.id == message.id, OutgoingMessage.due_at.is_not(None))
    with unit_of_work() as db:
        db.execute(again.values(due_at=clock.now() + PAUSE_WITHOUT_SNS, attempts=message.attempts))


def _give(message: OutgoingMessage) -> None:
    if message.channel == "email":
        # The text stays here: it may hold a one-time link, and queues keep what they get for days.
        messaging.notify("email", message.recipient, message.subject, "", message.id)
        return
    send = sns.send_sms if message.channel == "sms" else sns.send_push
    send(message.recipient, message.subject, message.text)
    _release(message.id, due_at=None, delivered_at=clock.now(), text="")


def _due() -> list[OutgoingMessage]:
    moment = clock.now()
    due = select(OutgoingMessage).where(OutgoingMessage.due_at <= moment)
    young = due.where(OutgoingMessage.created_at > moment - GIVE_UP_AFTER)
    with unit_of_work(reads_only=True) as db:
        return list(db.scalars(young.order_by(OutgoingMessage.due_at).limit(BATCH)))


def pause_after(attempts: int) -> timedelta:
    """How long a message waits before it is sent again, after so many attempts before this one."""
    return min(FIRST_REPEAT * (1 << min(attempts, 10)), LONGEST_REPEAT)


def _plan(mail: OutgoingMessage, due_at: datetime, attempts: int) -> bool:
    """Set the next time before anything is sent, so that of two workers one sends it."""
    unchanged = update(OutgoingMessage).where(OutgoingMessage.id == mail.id, OutgoingMessage.due_at == mail.due_at)
    with unit_of_work() as db:
        return _changed(db.execute(unchanged.values(due_at=due_at, attempts=attempts)))


def deliver(mail_id: str) -> None:
    """Hand one mail to the mail server, once; raises what makes the message come back."""
    mail = _claim(mail_id)
    if mail is None:
        return
    try:
        mail_server.deliver(mail.recipient, mail.subject, mail.text, mail.id)
    except mail_server.RecipientRefused as error:
        logs.get_logger(__name__).error("recipient refused", mail=mail_id, code=error.code)
        _release(mail_id, due_at=None)
    except mail_server.MailServerAway:
        _release(mail_id)
        raise
    else:
        _release(mail_id, due_at=None, delivered_at=clock.now(), text="")


def _claim(mail_id: str) -> OutgoingMessage | None:
    """The mail when it is now ours to deliver, None when it is delivered already."""
    moment = clock.now()
    free = OutgoingMessage.claimed_until.is_(None) | (OutgoingMessage.claimed_until < moment)
    ours = update(OutgoingMessage).where(
        OutgoingMessage.id == mail_id, OutgoingMessage.delivered_at.is_(None), free
    )
    with unit_of_work() as db:
        claimed = _changed(db.execute(ours.values(claimed_until=moment + CLAIM)))
        mail = db.get(OutgoingMessage, mail_id)
    if mail is None:
        raise LookupError("there is no such mail")
    if mail.delivered_at is None and not claimed:
        raise MailBusy
    return mail if claimed else None


def _release(mail_id: str, **values: Any) -> None:
    with unit_of_work() as db:
        db.execute(
            update(OutgoingMessage).where(OutgoingMessage.id == mail_id).values(claimed_until=None, **values)
        )


def _changed(result: Any) -> bool:
    return bool(result.rowcount == 1)
