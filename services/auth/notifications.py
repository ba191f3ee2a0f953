"""What people are told: a template for each notification, kept in the account and sent as mail (`mails.py`)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import NotFound
from services.auth import mails
from services.auth.models import Notification, User


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
    subject, text = render(template, **facts)
    mails.put_on_its_way(dedupe_id, user.email, subject, text)


def tell(user_id: str, template: str, dedupe_id: str, **facts: Any) -> None:
    """A notification in the account and a mail; the same `dedupe_id` again changes nothing."""
    user = session().get(User, user_id)
    if user is None:
        logs.get_logger(__name__).warning("nobody to tell", template=template)
        return
    title, text = render(template, **facts)
    if not mails.put_on_its_way(dedupe_id, user.email, title, text):
        return
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


def mark_read(user_id: str, notification_id: str) -> None:
    """Mark an own notification as read; NotFound for somebody else's."""
    found = session().get(Notification, notification_id)
    if found is None or found.user_id != user_id:
        raise NotFound
    if found.read_at is None:
        found.read_at = clock.now()
