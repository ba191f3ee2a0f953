"""Notify users: add a notification to the account and enqueue its messages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from libs.chassis import clock, logs
from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.auth.accounts.tables import User
from services.auth.notifications import outgoing_messages, preferences
from services.auth.notifications.rendering import render
from services.auth.notifications.tables import Notification

ALWAYS_BY_EMAIL = ("receipt",)


def send_mail(user: User, template: str, dedupe_id: str, **values: Any) -> None:
    """Enqueue a mail about the account itself; a duplicate `dedupe_id` is ignored."""
    subject, text = render(template, user.locale, **values)
    outgoing_messages.enqueue(dedupe_id, "email", user.email, subject, text)


def notify(user_id: str, template: str, dedupe_id: str, data: Mapping[str, Any], **more: Any) -> None:
    """Add a notification to the account and enqueue a message for each channel that the user has chosen.

    The template uses the event's `data` and `more`. A duplicate `dedupe_id` is ignored. Templates in
    `ALWAYS_BY_EMAIL` are mailed whatever the user has chosen.
    """
    user = session().get(User, user_id)
    if user is None:
        logs.get_logger(__name__).warning("user to notify not found", template=template)
        return
    notification_id = make_notification_id(dedupe_id)
    if session().get(Notification, notification_id) is not None:
        return
    title, text = render(template, user.locale, **data, **more)
    notification = Notification(id=notification_id, user_id=user_id, template=template, title=title, text=text)
    notification.created_at = clock.now()
    session().add(notification)
    for recipient in preferences.find_recipients(user, always_by_email=template in ALWAYS_BY_EMAIL):
        message_id = f"{dedupe_id}-{recipient.channel}{recipient.suffix}"
        outgoing_messages.enqueue(message_id, recipient.channel, recipient.address, title, text)


def make_notification_id(dedupe_id: str) -> str:
    """Derive the notification's id, so that one event makes one notification."""
    return "ntf_" + uuid.uuid5(uuid.NAMESPACE_URL, f"reclothes:notification:{dedupe_id}").hex


def mark_read(user_id: str, notification_id: str) -> None:
    """Mark a notification of the user as read; NotFound for any other notification."""
    notification = session().get(Notification, notification_id)
    if notification is None or notification.user_id != user_id:
        raise NotFound
    if notification.read_at is None:
        notification.read_at = clock.now()
