"""Which events of a controller are new, and when they happened."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from libs.chassis import clock
from libs.chassis.problems import Conflict

CLOCK_TOLERANCE = timedelta(minutes=2)


class EventGap(Conflict):
    slug, title = "event-gap", "Events that come before these are missing"


class SequenceReused(Conflict):
    slug, title = "sequence-reused", "Another event had this number"


def is_next(sequence: int, expected: int, digest: str, stored_digest: str | None) -> bool:
    """Whether an event is the next one; False for one that was received before.

    Raises EventGap when events before it are missing, and SequenceReused when another event had its number.
    """
    if sequence > expected:
        raise EventGap(f"event {expected} comes next, not {sequence}", expected_sequence=expected)
    if sequence < expected and stored_digest not in (None, digest):
        raise SequenceReused(
            f"event {sequence} was another one; number {expected} is free", expected_sequence=expected
        )
    return sequence == expected


def compute_digest(event: dict[str, Any]) -> str:
    """SHA-256 of the event's JSON with sorted members."""
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()


def event_time(event: dict[str, Any], now: datetime) -> datetime:
    """When the event happened by the controller's clock, which can be ahead of ours by the tolerance only."""
    return min(clock.parse_rfc3339(event["at"]), now + CLOCK_TOLERANCE)
