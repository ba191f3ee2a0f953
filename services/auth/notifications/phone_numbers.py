"""Confirm a phone number by a code that is sent to it."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Gone, TooManyRequests, Unprocessable
from services.auth import audit_trail
from services.auth.accounts.tables import User
from services.auth.notifications import outgoing_messages, preferences
from services.auth.notifications.tables import PhoneConfirmation
from services.auth.tokens import opaque

CODE_MINUTES = 10
MAX_ATTEMPTS = 5


class CodeNotValid(Gone):
    slug, title = "code-not-valid", "This code is used or expired, or a wrong one was entered too often"


class WrongCode(Unprocessable):
    slug, title = "wrong-code", "This is not the code in the SMS"


def send_code(user_id: str, phone_number: str) -> None:
    """Send a code by SMS; it replaces an earlier one.

    Raises:
        TooManyRequests: the number received, or the user requested, too many codes; SMS cost money.
    """
    id_prefix = f"code-{user_id}-"
    if outgoing_messages.is_rate_limited(phone_number) or outgoing_messages.is_prefix_rate_limited(id_prefix):
        raise TooManyRequests("too many codes were requested; try again in an hour", retry_after=3600)
    code = f"{secrets.randbelow(1_000_000):06d}"
    session().merge(
        PhoneConfirmation(
            user_id=user_id,
            phone_number=phone_number,
            code_hash=_hash(user_id, code),
            expires_at=clock.now() + timedelta(minutes=CODE_MINUTES),
            attempts=0,
        )
    )
    text = f"ReClothes: your code is {code}. It is valid for {CODE_MINUTES} minutes."
    outgoing_messages.enqueue(f"{id_prefix}{new_id('ntf')}", "sms", phone_number, "ReClothes", text)


def confirm(user_id: str, code: str) -> bool:
    """Use the code and store the phone number. Return False for a wrong code, whose attempt must be committed.

    Raises:
        CodeNotValid: there is no code, it has expired, or a wrong one was entered too often.
    """
    pending = session().get(PhoneConfirmation, user_id, with_for_update=True)
    if pending is None or pending.expires_at <= clock.now() or pending.attempts >= MAX_ATTEMPTS:
        raise CodeNotValid("request a new one")
    if not hmac.compare_digest(pending.code_hash, _hash(user_id, code)):
        pending.attempts += 1
        return False
    user = session().get_one(User, user_id)
    user.phone_number = pending.phone_number
    session().delete(pending)
    audit_trail.record(user, "confirm_phone_number")
    return True


def remove(user_id: str) -> None:
    """Delete the phone number and disable SMS."""
    session().get_one(User, user_id).phone_number = None
    chosen = preferences.find_preferences(user_id)
    preferences.set_channels(user_id, email=chosen.email, sms=False, push=chosen.push)


def _hash(user_id: str, code: str) -> str:
    return opaque.hash_token(f"{user_id}:{code}")
