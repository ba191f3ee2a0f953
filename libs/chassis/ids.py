"""Ids: a type prefix and a UUIDv7 (RFC 9562) in hexadecimal, so that they sort by time."""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits (RFC 9562, 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= (random >> 62 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFFFFFFFFFFFFFF
    return uuid.UUID(int=value)


def new_id(prefix: str) -> str:
    """A new id such as `prd_0198f3c2…` (prefix, underscore, 32 hexadecimal digits)."""
    return f"{prefix}_{uuid7().hex}"
