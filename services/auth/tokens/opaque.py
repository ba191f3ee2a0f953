"""Opaque tokens: 256 random bits outside our services; only their hash is stored."""

from __future__ import annotations

import hashlib
import secrets

ACCESS_PREFIX = "rco_"
REFRESH_PREFIX = "rcr_"
SECRET_PREFIX = "rcs_"  # noqa: S105 the prefix of secrets of OAuth clients


def new_token(prefix: str) -> str:
    """Return 256 random bits with a prefix that secret scanners recognise."""
    return prefix + secrets.token_urlsafe(32)


def new_one_time_token() -> str:
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the SHA-256 in hexadecimal, which is enough for random tokens that nobody can guess."""
    return hashlib.sha256(token.encode()).hexdigest()
