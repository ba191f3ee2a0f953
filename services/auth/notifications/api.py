"""A user's notifications, and how the user receives them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.db import session
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.auth.accounts.tables import User
from services.auth.notifications import phone_numbers, preferences, push_devices, sending, sns
from services.auth.notifications.schemas import NotificationSchema, PreferencesSchema, PushDeviceSchema
from services.auth.notifications.tables import Notification, PushDevice


def list_notifications(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(Notification).where(Notification.user_id == principal().subject),
        order_by=[(Notification.created_at, "desc"), (Notification.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=NotificationSchema().dump,
    )


def mark_notification_read(notification_id: str) -> tuple[None, int]:
    sending.mark_read(principal().subject, notification_id)
    return None, 204


def get_notification_settings() -> dict[str, Any]:
    user = session().get_one(User, principal().subject)
    channels = PreferencesSchema().dump(preferences.find_preferences(user.id))
    return {"preferences": channels | {"locale": user.locale}, "phone_number": user.phone_number}


def put_notification_preferences(body: dict[str, Any]) -> dict[str, Any]:
    user_id = principal().subject
    preferences.set_channels(user_id, email=body["email"], sms=body["sms"], push=body["push"])
    if "locale" in body:
        preferences.set_locale(user_id, body["locale"])
    return get_notification_settings()


def request_phone_confirmation(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    phone_numbers.send_code(principal().subject, body["phone_number"])
    return {"status": "sms_sent"}, 202


def confirm_phone_number(body: dict[str, Any]) -> dict[str, Any]:
    if not phone_numbers.confirm(principal().subject, body["code"]):
        session().commit()  # the attempt counts although the request is rejected
        detail = "try again, or request a new code"
        raise phone_numbers.WrongCode(detail, errors=[{"pointer": "/code", "detail": "wrong"}])
    return get_notification_settings()


def remove_phone_number() -> tuple[None, int]:
    phone_numbers.remove(principal().subject)
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
    user_id, platform = principal().subject, body["platform"]
    push_devices.require_capacity(user_id)
    session().commit()  # no transaction is open while SNS is called
    endpoint_arn = sns.create_endpoint(platform, body["device_token"])
    device = push_devices.assign(user_id, platform, endpoint_arn)
    location = f"/auth/v1/notification-settings/devices/{device.id}"
    return PushDeviceSchema().dump(device), 201, {"Location": location}


def remove_push_device(device_id: str) -> tuple[None, int]:
    push_devices.remove(principal().subject, device_id)
    return None, 204
