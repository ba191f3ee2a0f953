"""What a person was told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth import notifications
from services.auth.models import Notification
from services.auth.schemas import NotificationSchema


def list_notifications(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(Notification).where(Notification.user_id == principal().subject),
        order_by=[(Notification.created_at, "desc"), (Notification.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=NotificationSchema().dump,
    )


def mark_notification_read(notification_id: str) -> tuple[None, int]:
    notifications.mark_read(principal().subject, notification_id)
    return None, 204
