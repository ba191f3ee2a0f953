"""What a person was told, and how they want to be told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.db import session
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth import notifications, preferences
from services.auth.models import Notification, PushDevice, User
from services.auth.schemas import NotificationSchema, PreferencesSchema, PushDeviceSchema


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


def get_notification_settings() -> dict[str, Any]:
    user = session().get_one(User, principal().subject)
    chosen = PreferencesSchema().dump(preferences.of(user.id))
    return {"preferences": chosen | {"locale": user.locale}, "phone_number": user.phone_number}


def put_notification_preferences(body: dict[str, Any]) -> dict[str, Any]:
    user_id = principal().subject
    preferences.choose(user_id, email=body["email"], sms=body["sms"], push=body["push"])
    if "locale" in body:  # older applications do not know it
        preferences.choose_locale(user_id, body["locale"])
    return get_notification_settings()


def request_phone_confirmation(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    preferences.send_code(principal().subject, body["phone_number"])
    return {"status": "sms_sent"}, 202


def confirm_phone_number(body: dict[str, Any]) -> dict[str, Any]:
    preferences.confirm_phone_number(principal().subject, body["code"])
    return get_notification_settings()


def remove_phone_number() -> tuple[None, int]:
    preferences.remove_phone_number(principal().subject)
    return None, 204


def list_push_devices(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(PushDevice).where(PushDevice.user_id == principal().subject),
        order_by=[(PushDevice.created_at, "desc"), (PushDevice.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=PushDeviceSchema().dump,
    )


def add_push_device(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    device = preferences.add_device(principal().subject, body["platform"], body["device_token"])
    location = f"/auth/v1/notification-settings/devices/{device.id}"
    return PushDeviceSchema().dump(device), 201, {"Location": location}


def remove_push_device(device_id: str) -> tuple[None, int]:
    preferences.remove_device(principal().subject, device_id)
    return None, 204
