"""The codes on the screen of a drop-off location: `RC1.<location>.<step>.<mac>`.

A step is CODE_STEP_SECONDS long; the MAC is HMAC-SHA256 with the location's key (like the one-time passwords of RFC
6238, with 128 bits because it is not typed). Controllers create them, locker verifies them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

CODE_STEP_SECONDS = 30
PREFIX = "RC1"


@dataclass(frozen=True)
class DoorCode:
    """The parts of a code, which are not verified before `is_genuine`."""

    location_id: str
    step: int
    mac: str


def key_of_location(secret: str, location_id: str) -> bytes:
    """The key of a location's controller, derived from the common secret (32 bytes)."""
    return hmac.digest(secret.encode(), f"codes of {location_id}".encode(), hashlib.sha256)


def step_at(time: datetime) -> int:
    return int(time.timestamp()) // CODE_STEP_SECONDS


def make_code(key: bytes, location_id: str, step: int) -> str:
    """The code for the screen during `step`."""
    return f"{PREFIX}.{location_id}.{step}.{_mac(key, location_id, step)}"


def read_code(text: str) -> DoorCode | None:
    """The parts of a code; None for any other text."""
    parts = text.split(".")
    if (
        len(parts) != 4
        or parts[0] != PREFIX
        or not parts[2].isascii()
        or not parts[2].isdigit()
        or len(parts[2]) > 12
    ):
        return None
    return DoorCode(parts[1], int(parts[2]), parts[3])


def is_genuine(code: DoorCode, key: bytes) -> bool:
    """Whether a code was created with the location's key (compared in constant time)."""
    return hmac.compare_digest(_mac(key, code.location_id, code.step).encode(), code.mac.encode())


def _mac(key: bytes, location_id: str, step: int) -> str:
    digest = hmac.digest(key, f"{location_id}.{step}".encode(), hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
