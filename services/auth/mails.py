"""Mails on their way: a row in the transaction of what caused it, SNS, the queue `mail`, the mail server.

No transaction is open while SNS or the mail server is asked (docs/decisions/0003). A mail that is not delivered in
time is given to SNS again, since a queue can lose it; the row makes it one mail, however often it comes. Only a
crash between the mail server's yes and the row's update makes it two, with one Message-ID: a mail must not be lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from libs.chassis import clock, logs, messaging
from libs.chassis.db import session, unit_of_work
from services.auth import mail_server
from services.auth.models import OutgoingMail

BATCH = 50
FIRST_REPEAT = timedelta(seconds=30)
LONGEST_REPEAT = timedelta(hours=1)
PAUSE_WITHOUT_SNS = timedelta(seconds=5)
GIVE_UP_AFTER = timedelta(days=3)
CLAIM = timedelta(minutes=2)  # longer than the mail server's time-outs together


class MailBusy(Exception):
    """Another worker hands this mail over just now; the message comes back and finds it done."""


def put_on_its_way(mail_id: str, recipient: str, subject: str, text: str) -> bool:
    """Add a mail within the current transaction; False when `mail_id` is there already, and nothing is changed."""
    if session().get(OutgoingMail, mail_id) is not None:
        return False
    moment = clock.now()
    session().add(
        OutgoingMail(
            id=mail_id,
            recipient=recipient,
            subject=subject,
            text=text,
            created_at=moment,
            due_at=moment,
            attempts=0,
        )
    )
    return True


def number_to(recipient: str, since: datetime) -> int:
    """How many mails to this address were written since then."""
    counted = select(func.count()).where(OutgoingMail.recipient == recipient, OutgoingMail.created_at > since)
    return session().scalar(counted) or 0


def give_to_sns() -> None:
    """Give what is due to SNS, oldest first; what SNS does not take waits a moment."""
    for mail in _due():
        if not _plan(mail, _next_repeat(mail.attempts), mail.attempts + 1):
            continue  # another worker was faster
        try:
            # The text stays here: it may hold a one-time link, and queues keep what they get for days.
            messaging.notify("email", mail.recipient, mail.subject, "", mail.id)
        except Exception as error:
            logs.get_logger(__name__).warning("mails wait", reason=type(error).__name__)
            with unit_of_work() as db:
                again = update(OutgoingMail).where(OutgoingMail.id == mail.id, OutgoingMail.due_at.is_not(None))
                db.execute(again.values(due_at=clock.now() + PAUSE_WITHOUT_SNS, attempts=mail.attempts))
            return


def _due() -> list[OutgoingMail]:
    moment = clock.now()
    due = select(OutgoingMail).where(OutgoingMail.due_at <= moment)
    young = due.where(OutgoingMail.created_at > moment - GIVE_UP_AFTER)
    with unit_of_work(reads_only=True) as db:
        return list(db.scalars(young.order_by(OutgoingMail.due_at).limit(BATCH)))


def _next_repeat(attempts: int) -> datetime:
    return clock.now() + min(FIRST_REPEAT * (1 << min(attempts, 10)), LONGEST_REPEAT)


def _plan(mail: OutgoingMail, due_at: datetime, attempts: int) -> bool:
    """Set the next time before anything is sent, so that of two workers one sends it."""
    unchanged = update(OutgoingMail).where(OutgoingMail.id == mail.id, OutgoingMail.due_at == mail.due_at)
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


def _claim(mail_id: str) -> OutgoingMail | None:
    """The mail when it is now ours to deliver, None when it is delivered already."""
    moment = clock.now()
    free = OutgoingMail.claimed_until.is_(None) | (OutgoingMail.claimed_until < moment)
    ours = update(OutgoingMail).where(OutgoingMail.id == mail_id, OutgoingMail.delivered_at.is_(None), free)
    with unit_of_work() as db:
        claimed = _changed(db.execute(ours.values(claimed_until=moment + CLAIM)))
        mail = db.get(OutgoingMail, mail_id)
    if mail is None:
        raise LookupError("there is no such mail")
    if mail.delivered_at is None and not claimed:
        raise MailBusy
    return mail if claimed else None


def _release(mail_id: str, **values: Any) -> None:
    with unit_of_work() as db:
        db.execute(update(OutgoingMail).where(OutgoingMail.id == mail_id).values(claimed_until=None, **values))


def _changed(result: Any) -> bool:
    return bool(result.rowcount == 1)
