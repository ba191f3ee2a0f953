"""What people are told: a template for each notification, kept in the account and sent (`messages.py`)."""

from __future__ import annotations

import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.deadlines import Deadline
from libs.chassis.locales import DEFAULT_LOCALE
from libs.chassis.money import Money
from libs.chassis.problems import NotFound
from services.auth import messages, preferences
from services.auth.models import Notification, User

ALWAYS_BY_EMAIL = ("receipt",)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    folder = Path(__file__).parent / "templates"
    return Environment(  # noqa: S701 plain text, no HTML
        loader=FileSystemLoader(folder), undefined=StrictUndefined, keep_trailing_newline=True, finalize=_written
    )


@pass_context
def _written(context: Context, value: Any) -> Any:
    """What a template prints: amounts and deadlines as the reader writes them, nothing for None."""
    if isinstance(value, Money | Deadline):
        return value.format(context["reader_locale"])
    return "" if value is None else value


def render(template: str, reader_locale: str = DEFAULT_LOCALE, **facts: Any) -> tuple[str, str]:
    """Subject (the template's first line) and text; amounts (Money) and Deadlines in the reader's locale."""
    whole = _templates().get_template(f"{template}.txt").render(reader_locale=reader_locale, **facts)
    subject, _, text = whole.partition("\n")
    return subject.removeprefix("Subject: ").strip(), text.strip() + "\n"


def send_mail(user: User, template: str, dedupe_id: str, **facts: Any) -> None:
    """Put a mail about the account itself on its way; the same `dedupe_id` again changes nothing."""
    subject, text = render(template, user.locale, **facts)
    messages.put_on_its_way(dedupe_id, "email", user.email, subject, text)


def tell(user_id: str, template: str, dedupe_id: str, **facts: Any) -> None:
    """A notification in the account, and a message by each channel that the person wants.

    The same `dedupe_id` again changes nothing. A receipt comes by email in any case.
    """
    user = session().get(User, user_id)
    notification_id = id_of(dedupe_id)
    if user is None:
        logs.get_logger(__name__).warning("nobody to tell", template=template)
        return
    if session().get(Notification, notification_id) is not None:
        return
    title, text = render(template, user.locale, **facts)
    session().add(
        Notification(
            id=notification_id,
            user_id=user_id,
            template=template,
            title=title,
            text=text,
            created_at=clock.now(),
        )
    )
    for channel, recipient, number in preferences.recipients(user, by_email=template in ALWAYS_BY_EMAIL):
        messages.put_on_its_way(f"{dedupe_id}-{channel}{number}", channel, recipient, title, text)


def id_of(dedupe_id: str) -> str:
    """The notification's id, made of what it is about, so that one event makes one."""
    return "ntf_" + uuid.uuid5(uuid.NAMESPACE_URL, f"reclothes:notification:{dedupe_id}").hex


def mark_read(user_id: str, notification_id: str) -> None:
    """Mark an own notification as read; NotFound for somebody else's."""
    found = session().get(Notification, notification_id)
    if found is None or found.user_id != user_id:
        raise NotFound
    if found.read_at is None:
        found.read_at = clock.now()
