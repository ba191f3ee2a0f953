"""Hash passwords with Argon2id (RFC 9106), a limited number at a time."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from libs.chassis.problems import Unavailable
from libs.chassis.runtime import per_process
from services.auth.passwords.rules import normalize
from services.auth.settings import auth_settings

MAX_WAIT_SECONDS = 5.0
MAX_CONCURRENT = 4  # each one takes argon2_memory_kib of memory


class TooManyLogins(Unavailable):
    slug, title = "too-many-logins", "Too many people are logging in"


@per_process
def get_slots() -> threading.BoundedSemaphore:
    """Return the slots for concurrent hashing."""
    return threading.BoundedSemaphore(MAX_CONCURRENT)


def hash_password(password: str) -> str:
    """Return the Argon2id hash with its parameters and salt."""
    with _acquire_slot():
        return _create_hasher().hash(normalize(password))


def verify(password_hash: str, password: str) -> bool:
    """Return whether the password matches; a malformed hash matches nothing."""
    try:
        with _acquire_slot():
            return _create_hasher().verify(password_hash, normalize(password))
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(password_hash: str) -> bool:
    """Return whether the hash has other parameters than the settings."""
    return _create_hasher().check_needs_rehash(password_hash)


def verify_decoy(password: str) -> None:
    """Take as long as a real check, for a user that does not exist."""
    verify(_create_decoy_hash(), password)


def _create_hasher() -> PasswordHasher:
    settings = auth_settings()
    return PasswordHasher(settings.argon2_time_cost, settings.argon2_memory_kib, settings.argon2_parallelism)


@contextmanager
def _acquire_slot() -> Iterator[None]:
    """Wait for one of the slots; raise TooManyLogins (503) rather than let requests queue up."""
    if not get_slots().acquire(timeout=MAX_WAIT_SECONDS):
        raise TooManyLogins("try again in a moment")
    try:
        yield
    finally:
        get_slots().release()


def _create_decoy_hash() -> str:
    """Return a random hash with the current parameters, which costs nothing to make and matches no password."""
    settings = auth_settings()
    cost = f"m={settings.argon2_memory_kib},t={settings.argon2_time_cost},p={settings.argon2_parallelism}"
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19${cost}${salt}${digest}"
