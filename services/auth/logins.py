"""Log-in with user name and password (stories c-02, c-05, c-07, c-09, c-11)."""

from __future__ import annotations

from typing import TypeGuard

from libs.chassis import email_addresses
from libs.chassis.db import session
from libs.chassis.problems import Forbidden, Unauthenticated
from services.auth import accounts, login_throttle, passwords, sessions, trail
from services.auth.models import User


class WrongCredentials(Unauthenticated):
    slug, title = "wrong-credentials", "User name or password is wrong"


class EmailNotVerified(Forbidden):
    slug, title = "email-not-verified", "The email address is not confirmed yet"


class AccountForbidden(Forbidden):
    slug, title = "account-forbidden", "This account is closed by ReClothes"


def log_in(user_name: str, password: str, kind: str, user_agent: str = "") -> sessions.Tokens:
    """Check the password and open a session for a user of `kind`; the same answer and time for an unknown user."""
    email = email_addresses.normalize_for_lookup(user_name)
    waits = login_throttle.count_try(kind, email)
    known = accounts.find_credentials(user_name, kind)
    session().commit()  # no transaction is open while the password is hashed
    if not _is_right(known, password):
        trail.record_refusal(known.user_id if known else None, kind, "log_in", "wrong-credentials", waits)
        raise WrongCredentials
    user = session().get_one(User, known.user_id)
    session().commit()  # nor while counts and refusals are written, each in a transaction of its own
    login_throttle.forget_failures(kind, email)
    _refuse_inactive(user)
    new_hash = _rehashed_when_due(known.password_hash, password)
    if not accounts.lock_matching(user, known.password_hash, password):
        session().commit()  # the refusal is written in a transaction of its own
        trail.record_refusal(user.id, user.kind, "log_in", "changed-meanwhile")
        raise WrongCredentials
    if user.password_hash == known.password_hash:
        user.password_hash = new_hash
    opened = sessions.open_for(user, user_agent)
    trail.record(user, "log_in", f"/auth/v1/sessions/{opened.session.id}")
    return opened


def _is_right(known: accounts.Credentials | None, password: str) -> TypeGuard[accounts.Credentials]:
    """Whether this is the password of a user who has one; as slow for nobody."""
    if known is None or not known.password_hash:
        passwords.verify_against_nobody(password)
        return False
    return passwords.verify(known.password_hash, password)


def _refuse_inactive(user: User) -> None:
    if user.state == "active":
        return
    trail.record_refusal(user.id, user.kind, "log_in", user.state)
    if user.state == "unverified":
        raise EmailNotVerified("use the link in the mail that we sent")
    reason = f"{user.forbidden_reason} " if user.forbidden_reason else ""
    raise AccountForbidden(f"{reason}(write to help@reclothes.example if that is wrong)")


def _rehashed_when_due(password_hash: str, password: str) -> str:
    return passwords.hash_password(password) if passwords.needs_rehash(password_hash) else password_hash
