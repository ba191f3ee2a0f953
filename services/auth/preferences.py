"""How a person is told: channels, the phone number for SMS, the devices for push messages."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from libs.chassis import clock, locales
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import BadRequest, Conflict, Gone, NotFound, TooManyRequests, Unprocessable
from services.auth import messages, sns, tokens, trail
from services.auth.models import NotificationPreferences, PhoneConfirmation, PushDevice, User

CODE_MINUTES = 10
MOST_TRIES = 5
MOST_DEVICES = 10


class NoPhoneNumber(Conflict):
    slug, title = "no-phone-number", "There is no confirmed phone number"


class CodeNotValid(Gone):
    slug, title = "code-not-valid", "This code is used, expired or was wrong too often"


class WrongCode(Unprocessable):
    slug, title = "wrong-code", "This is not the code of the SMS"


class TooManyDevices(Conflict):
    slug, title = "too-many-devices", "No more devices can be added"


def of(user_id: str) -> NotificationPreferences:
    """The person's preferences, the defaults when they chose none."""
    found = session().get(NotificationPreferences, user_id)
    return found or NotificationPreferences(user_id=user_id, email=True, sms=False, push=True)


def choose_locale(user_id: str, tag: str) -> None:
    """Set the locale of amounts and dates, in its usual spelling; BadRequest for an unknown one."""
    known = locales.normalize_tag(tag)
    if known is None:
        detail = "this is no locale that we know"
        raise BadRequest(detail, errors=[{"pointer": "/locale", "detail": detail}])
    session().get_one(User, user_id).locale = known


def choose(user_id: str, *, email: bool, sms: bool, push: bool) -> NotificationPreferences:
    """Set the channels; NoPhoneNumber for SMS without a confirmed number."""
    if sms and session().get_one(User, user_id).phone_number is None:
        raise NoPhoneNumber("confirm a phone number first")
    chosen = NotificationPreferences(user_id=user_id, email=email, sms=sms, push=push)
    return session().merge(chosen)


def recipients(user: User, *, by_email: bool) -> Iterator[tuple[str, str, str]]:
    """Channel, recipient and what tells several recipients of one channel apart; `by_email` in any case."""
    channels = channels_of(of(user.id), has_phone=bool(user.phone_number), by_email=by_email)
    if "email" in channels:
        yield "email", user.email, ""
    if "sms" in channels:
        yield "sms", str(user.phone_number), ""
    if "push" in channels:
        for device in session().scalars(select(PushDevice).where(PushDevice.user_id == user.id)):
            yield "push", device.endpoint_arn, f"-{device.id}"


def channels_of(chosen: NotificationPreferences, *, has_phone: bool, by_email: bool) -> set[str]:
    """The channels of a notification; `by_email` for one that comes by email whatever was chosen."""
    wanted = {"email": chosen.email or by_email, "sms": chosen.sms and has_phone, "push": chosen.push}
    return {channel for channel, is_wanted in wanted.items() if is_wanted}


def send_code(user_id: str, phone_number: str) -> None:
    """Send a new code by SMS, which ends an older one.

    TooManyRequests when a number gets too many, or a person asks for too many to whatever numbers: SMS cost money.
    """
    own = f"code-{user_id}-"
    if messages.too_many_to(phone_number) or messages.too_many_with(own):
        raise TooManyRequests("there were many codes already; try again in an hour", retry_after=3600)
    code = f"{secrets.randbelow(1_000_000):06d}"
    session().merge(
        PhoneConfirmation(
            user_id=user_id,
            phone_number=phone_number,
            code_hash=_hash_of(user_id, code),
            expires_at=clock.now() + timedelta(minutes=CODE_MINUTES),
            tries=0,
        )
    )
    text = f"ReClothes: your code is {code}. It is good for {CODE_MINUTES} minutes."
    messages.put_on_its_way(f"{own}{new_id('ntf')}", "sms", phone_number, "ReClothes", text)


def confirm_phone_number(user_id: str, code: str) -> None:
    """Use the code, once; a wrong one counts. CodeNotValid or WrongCode."""
    asked = session().get(PhoneConfirmation, user_id, with_for_update=True)
    if asked is None or asked.expires_at <= clock.now() or asked.tries >= MOST_TRIES:
        raise CodeNotValid("ask for a new one")
    if not hmac.compare_digest(asked.code_hash, _hash_of(user_id, code)):
        asked.tries += 1
        session().commit()  # the count stays although the request is refused
        raise WrongCode("try again, or ask for a new one", errors=[{"pointer": "/code", "detail": "wrong"}])
    user = session().get_one(User, user_id)
    user.phone_number = asked.phone_number
    session().delete(asked)
    trail.record(user, "confirm_phone_number")


def _hash_of(user_id: str, code: str) -> str:
    return tokens.hash_of(f"{user_id}:{code}")


def remove_phone_number(user_id: str) -> None:
    """Forget the number, and switch SMS off."""
    session().get_one(User, user_id).phone_number = None
    chosen = of(user_id)
    choose(user_id, email=chosen.email, sms=False, push=chosen.push)


def add_device(user_id: str, platform: str, device_token: str) -> PushDevice:
    """A device; one that is known already is the person's from now on. TooManyDevices for the eleventh."""
    count = select(func.count()).where(PushDevice.user_id == user_id)
    if (session().scalar(count) or 0) >= MOST_DEVICES:
        raise TooManyDevices(f"remove one of the {MOST_DEVICES} first")
    session().commit()  # no transaction is open while SNS is asked
    arn = sns.add_device(platform, device_token)
    found = session().scalar(select(PushDevice).where(PushDevice.endpoint_arn == arn))
    if found is None:
        found = PushDevice(id=new_id("dev"), platform=platform, endpoint_arn=arn, created_at=clock.now())
        session().add(found)
    found.user_id = user_id  # whoever used the device before is not told on it any more
    return found


def remove_device(user_id: str, device_id: str) -> None:
    """Remove an own device; NotFound for somebody else's."""
    found = session().get(PushDevice, device_id)
    if found is None or found.user_id != user_id:
        raise NotFound
    session().delete(found)
