"""When a location is online, and when its deposits are collected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

CONTROLLER_TIMEOUT = timedelta(seconds=60)


def is_online(controller_seen_at: datetime | None, now: datetime) -> bool:
    """Whether the controller of the location has called within the last minute."""
    return controller_seen_at is not None and now - controller_seen_at < CONTROLLER_TIMEOUT


def is_collection_due(waiting_since: Sequence[datetime], threshold: int, latest_start: datetime) -> bool:
    """Whether the waiting deposits reach the threshold, or one has waited since before `latest_start`."""
    return len(waiting_since) >= threshold or any(since < latest_start for since in waiting_since)
