"""Check the credentials and the state of the account at log-in."""

from __future__ import annotations

from typing import TypeGuard

from libs.chassis.problems import Forbidden, Problem, Unauthenticated
from services.auth.accounts.tables import User
from services.auth.passwords import hashing


class WrongCredentials(Unauthenticated):
    slug, title = "wrong-credentials", "User name or password is wrong"


class EmailNotVerified(Forbidden):
    slug, title = "email-not-verified", "The email address is not verified yet"


class AccountSuspended(Forbidden):
    slug, title = "account-suspended", "This account is suspended"


def is_password_correct(user: User | None, password: str) -> TypeGuard[User]:
    """Return whether the password matches; takes as long for an unknown user or one without a password."""
    if user is None or not user.password_hash:
        hashing.verify_decoy(password)
        return False
    return hashing.verify(user.password_hash, password)


def find_rejection(user: User) -> Problem | None:
    """Return why the account may not log in, or None when it may."""
    if user.state == "active":
        return None
    if user.state == "unverified":
        return EmailNotVerified("use the link in the mail that we sent")
    reason = f"{user.suspension_reason} " if user.suspension_reason else ""
    return AccountSuspended(f"{reason}(write to help@reclothes.example if you think this is a mistake)")
