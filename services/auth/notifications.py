"""What people are told: a template for each notification, kept in the account and sent as mail.

A mail is a row first, in the transaction of what caused it. A job gives it to SNS, SNS puts it into the queue
`mail`, and the worker hands it to the mail server (in AWS the SMTP interface of SES). `id` makes it one mail,
however often each step is repeated; the text is emptied once it is delivered, since it may hold a one-time link.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select

from libs.chassis import clock, logs, messaging
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import NotFound
from services.auth.mail_server import deliver
from services.auth.models import Notification, OutgoingMail, User

BATCH = 50


@lru_cache(maxsize=1)
def _templates() -> Environment:
    folder = Path(__file__).parent / "templates"
    return Environment(  # noqa: S701 plain text, no HTML
        loader=FileSystemLoader(folder), undefined=StrictUndefined, keep_trailing_newline=True
    )


def render(template: str, **facts: Any) -> tuple[str, str]:
    """Subject (the template's first line) and text."""
    whole = _templates().get_template(f"{template}.txt").render(**facts)
    subject, _, text = whole.partition("\n")
    return subject.removeprefix("Subject: ").strip(), text.strip() + "\n"


def send_mail(user: User, template: str, dedupe_id: str, **facts: Any) -> None:
    """Put a mail on its way within the current transaction; the same `dedupe_id` again changes nothing."""
    if session().get(OutgoingMail, dedupe_id) is not None:
        return
    subject, text = render(template, **facts)
    session().add(
        OutgoingMail(id=dedupe_id, recipient=user.email, subject=subject, text=text, created_at=clock.now())
    )


def tell(user_id: str, template: str, dedupe_id: str, **facts: Any) -> None:
    """A notification in the account and a mail."""
    user = session().get(User, user_id)
    if user is None:
        logs.get_logger(__name__).warning("nobody to tell", template=template)
        return
    title, text = render(template, **facts)
    session().add(
        Notification(
            id=new_id("ntf"),
            user_id=user_id,
            template=template,
            title=title,
            text=text,
            created_at=clock.now(),
        )
    )
    send_mail(user, template, dedupe_id, **facts)


def mark_read(user_id: str, notification_id: str) -> None:
    """Mark an own notification as read; NotFound for somebody else's."""
    found = session().get(Notification, notification_id)
    if found is None or found.user_id != user_id:
        raise NotFound
    if found.read_at is None:
        found.read_at = clock.now()


def give_mails_to_sns() -> None:
    """Send what waits, oldest first; what SNS does not take waits on."""
    waiting = select(OutgoingMail).where(OutgoingMail.sent_at.is_(None))
    for mail in session().scalars(waiting.order_by(OutgoingMail.created_at).limit(BATCH)):
        messaging.notify("email", mail.recipient, mail.subject, mail.text, mail.id)
        mail.sent_at = clock.now()


def deliver_mail(message: dict[str, Any]) -> None:
    """Hand one mail from the queue to the mail server, once."""
    mail = session().get(OutgoingMail, message["dedupe_id"])
    if mail is None:
        raise LookupError("the transaction that wrote this mail is not visible yet")
    if mail.delivered_at is not None:
        return
    deliver(message["recipient"], message["subject"], message["text"], message["dedupe_id"])
    mail.delivered_at = clock.now()
    mail.text = ""
