"""How a user is notified: channels and locale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from libs.chassis import locales
from libs.chassis.db import session
from libs.chassis.problems import BadRequest, Conflict
from services.auth.accounts.tables import User
from services.auth.notifications.tables import NotificationPreferences, PushDevice


class NoPhoneNumber(Conflict):
    slug, title = "no-phone-number", "There is no confirmed phone number"


@dataclass(frozen=True)
class Recipient:
    """Where to send a message; `suffix` distinguishes several recipients of one channel."""

    channel: str
    address: str
    suffix: str = ""


def find_preferences(user_id: str) -> NotificationPreferences:
    """Return the channels that the user has chosen, or the defaults."""
    stored = session().get(NotificationPreferences, user_id)
    return stored or NotificationPreferences(user_id=user_id, email=True, sms=False, push=True)


def set_locale(user_id: str, tag: str) -> None:
    """Set the locale for amounts and dates; BadRequest for an unknown one."""
    locale = locales.normalize_tag(tag)
    if locale is None:
        detail = "this locale is not supported"
        raise BadRequest(detail, errors=[{"pointer": "/locale", "detail": detail}])
    session().get_one(User, user_id).locale = locale


def set_channels(user_id: str, *, email: bool, sms: bool, push: bool) -> None:
    """Set the channels; NoPhoneNumber for SMS without a confirmed phone number."""
    if sms and session().get_one(User, user_id).phone_number is None:
        raise NoPhoneNumber("confirm a phone number first")
    session().merge(NotificationPreferences(user_id=user_id, email=email, sms=sms, push=push))


def find_recipients(user: User, *, always_by_email: bool) -> Iterator[Recipient]:
    """Yield the recipients of a notification; `always_by_email` adds email to the chosen channels."""
    has_phone = bool(user.phone_number)
    channels = select_channels(find_preferences(user.id), has_phone=has_phone, always_by_email=always_by_email)
    if "email" in channels:
        yield Recipient("email", user.email)
    if "sms" in channels:
        yield Recipient("sms", str(user.phone_number))
    if "push" in channels:
        for device in session().scalars(select(PushDevice).where(PushDevice.user_id == user.id)):
            yield Recipient("push", device.endpoint_arn, f"-{device.id}")


def select_channels(chosen: NotificationPreferences, *, has_phone: bool, always_by_email: bool) -> set[str]:
    """Return the channels of a notification."""
    is_used = {"email": chosen.email or always_by_email, "sms": chosen.sms and has_phone, "push": chosen.push}
    return {channel for channel, used in is_used.items() if used}
