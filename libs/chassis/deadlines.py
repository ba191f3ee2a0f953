"""Deadlines that people read as a day: they last until the end of that day where the boxes are."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

# Of what has no location, and of locations from before they had a time zone.
DEFAULT_TIME_ZONE = "Europe/Lisbon"


def end_of_day(moment: datetime, days: int, time_zone: str = DEFAULT_TIME_ZONE) -> datetime:
    """The last microsecond of the day that comes `days` after the day of `moment`, as the time zone counts days.

    The result is in UTC. ValueError or KeyError for an unknown zone (tz database name).
    """
    zone = ZoneInfo(time_zone)
    day_after = moment.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(day_after, time.min, zone).astimezone(UTC) - timedelta(microseconds=1)


def in_words(moment: datetime, time_zone: str = DEFAULT_TIME_ZONE) -> str:
    """Date, time and zone for people: `14 December 2026, 23:59 (Lisbon time)`."""
    local = moment.astimezone(ZoneInfo(time_zone))
    city = time_zone.rpartition("/")[2].replace("_", " ")
    return f"{local.day} {calendar.month_name[local.month]} {local.year}, {local:%H:%M} ({city} time)"


def is_time_zone(name: str) -> bool:
    """Whether the tz database has this zone."""
    return name in _known_zones()


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())
