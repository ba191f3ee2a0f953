"""Passwords: Argon2id (RFC 9106), a list of common ones, and a bound on how many are hashed at once."""

from __future__ import annotations

import importlib
import sys
import threading
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from libs.chassis.problems import Unprocessable
from services.auth.settings import auth_settings

MIN_LENGTH = 8
_AT_ONCE = threading.BoundedSemaphore(4)  # each one takes argon2_memory_kib of memory


class WeakPassword(Unprocessable):
    slug, title = "weak-password", "This password is too easy to guess"


@lru_cache(maxsize=4)
def _hasher(time_cost: int, memory_kib: int, parallelism: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)


def _own_hasher() -> PasswordHasher:
    chosen = auth_settings()
    return _hasher(chosen.argon2_time_cost, chosen.argon2_memory_kib, chosen.argon2_parallelism)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """The common passwords that zxcvbn ships. Its other lists are 30 MB of names and words, and are let go."""
    module = importlib.import_module("zxcvbn.frequency_lists")
    passwords = frozenset(module.FREQUENCY_LISTS["passwords"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "zxcvbn"]:
        del sys.modules[name]
    return passwords


def refuse_weak(password: str, email: str) -> None:
    """WeakPassword when it is short, common, or the email address itself."""
    reason = None
    lowered = password.lower()
    if len(password) < MIN_LENGTH:
        reason = f"use at least {MIN_LENGTH} characters"
    elif lowered in _common():
        reason = "it is on the list of common passwords"
    elif lowered in (email.lower(), email.lower().partition("@")[0]):
        reason = "it is your email address"
    if reason:
        raise WeakPassword(reason, errors=[{"pointer": "/password", "detail": reason}])


def hash_password(password: str) -> str:
    """The Argon2id hash with its parameters and salt."""
    with _AT_ONCE:
        return _own_hasher().hash(password)


def verify(password_hash: str, password: str) -> bool:
    """Whether they match; a broken hash matches nothing."""
    try:
        with _AT_ONCE:
            return _own_hasher().verify(password_hash, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Whether the settings ask for other parameters by now."""
    return _own_hasher().check_needs_rehash(password_hash)


@lru_cache(maxsize=4)
def decoy_hash(time_cost: int, memory_kib: int, parallelism: int) -> str:
    """A hash that nothing matches, made with the present parameters."""
    return _hasher(time_cost, memory_kib, parallelism).hash("nobody has this password")


def verify_against_nobody(password: str) -> None:
    """Take as long as a real check, for a user that does not exist."""
    chosen = auth_settings()
    parameters = (chosen.argon2_time_cost, chosen.argon2_memory_kib, chosen.argon2_parallelism)
    verify(decoy_hash(*parameters), password)
