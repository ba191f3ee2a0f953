"""Deadlines that are the end of a day in the time zone of a location."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.dates import format_date, format_time, get_datetime_format

from libs.chassis.locales import DEFAULT_LOCALE, babel_locale

# For deadlines without a location.
DEFAULT_TIME_ZONE = "Europe/Lisbon"


def end_of_day(start: datetime, days: int, time_zone: str = DEFAULT_TIME_ZONE) -> datetime:
    """The last microsecond of the day that is `days` after `start` in the time zone (tz database name), in UTC.

    Raises ValueError or KeyError for an unknown zone.
    """
    zone = ZoneInfo(time_zone)
    day_after = start.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(day_after, time_of_day.min, zone).astimezone(UTC) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Deadline:
    """A time that people read, in the time zone in which it applies."""

    time: datetime
    time_zone: str = DEFAULT_TIME_ZONE

    def format(self, locale: str = DEFAULT_LOCALE) -> str:
        """Date and time in the format of `locale` (BCP 47), with the zone, such as `(Lisbon time)`."""
        local, reader = self.time.astimezone(ZoneInfo(self.time_zone)), babel_locale(locale)
        order = str(get_datetime_format("medium", locale=reader)).replace("'", "")
        words = order.format(format_time(local, "short", locale=reader), format_date(local, "long", locale=reader))
        city = self.time_zone.rpartition("/")[2].replace("_", " ")
        return f"{words} ({city} time)"


def format_deadline(time: datetime, time_zone: str = DEFAULT_TIME_ZONE) -> str:
    """A deadline in the default locale."""
    return Deadline(time, time_zone).format()


def is_time_zone(name: str) -> bool:
    """Whether the tz database has this zone."""
    return name in _known_zones()


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())
