"""Changing and resetting passwords."""

from __future__ import annotations

from typing import Any

from libs.chassis.db import retrying_serialization, session, unit_of_work
from libs.chassis.security import principal
from services.auth import audit_trail
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.passwords import changes, hashing
from services.auth.passwords.rules import require_strong
from services.auth.sessions import login_throttle


def change_password(body: dict[str, Any]) -> tuple[None, int]:
    """Change the caller's password; a wrong current password counts as a failed log-in."""
    caller = principal()
    current, new = body["current_password"], body["new_password"]
    user = session().get_one(User, caller.subject)
    current_hash = user.password_hash
    require_strong(new, user.email, pointer="/new_password")
    session().commit()  # no transaction is open while passwords are hashed
    locked_seconds = retrying_serialization(lambda: _count_attempt(user))
    if not hashing.verify(current_hash, current):
        audit_trail.record_rejection(user.id, user.kind, "change_password", "wrong-password", locked_seconds)
        session().commit()  # the entry stays although the request is rejected
        raise changes.WrongPassword("enter the password that you log in with")
    login_throttle.reset(user.kind, user.email)
    session().commit()
    new_hash = hashing.hash_password(new)
    if not users.lock_if_password_unchanged(user, current_hash, current):
        raise changes.WrongPassword("it was changed in the meantime; log in again")
    changes.set_password(user, new_hash, "change_password", keep_session=caller.session_id)
    return None, 204


def _count_attempt(user: User) -> dict[str, int]:
    with unit_of_work():
        return login_throttle.count_attempt(user.kind, user.email)


def request_password_reset(body: dict[str, Any]) -> tuple[dict[str, str], int]:
    changes.request_reset(body["email"])
    return {"status": "mail_sent"}, 202


def set_customer_password(body: dict[str, Any]) -> tuple[None, int]:
    return _set_by_link(body, "customer")


def set_staff_password(body: dict[str, Any]) -> tuple[None, int]:
    return _set_by_link(body, "internal")


def _set_by_link(body: dict[str, Any], kind: str) -> tuple[None, int]:
    require_strong(body["password"], email="")
    password_hash = hashing.hash_password(body["password"])  # before the first statement opens a transaction
    changes.set_password_by_link(body["token"], body["password"], password_hash, kind)
    return None, 204
