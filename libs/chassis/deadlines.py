"""Deadlines that people read as a day: they last until the end of that day where the boxes are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.dates import format_date, format_time, get_datetime_format

from libs.chassis.locales import DEFAULT_LOCALE, babel_locale

# Of what has no location, and of locations from before they had a time zone.
DEFAULT_TIME_ZONE = "Europe/Lisbon"


def end_of_day(moment: datetime, days: int, time_zone: str = DEFAULT_TIME_ZONE) -> datetime:
    """The last microsecond of the day that comes `days` after the day of `moment`, as the time zone counts days.

    The result is in UTC. ValueError or KeyError for an unknown zone (tz database name).
    """
    zone = ZoneInfo(time_zone)
    day_after = moment.astimezone(zone).date() + timedelta(days=days + 1)
    return datetime.combine(day_after, time.min, zone).astimezone(UTC) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Deadline:
    """A moment that people read, in the time zone of where it applies."""

    moment: datetime
    time_zone: str = DEFAULT_TIME_ZONE

    def format(self, locale: str = DEFAULT_LOCALE) -> str:
        """Date and time as a reader of `locale` (BCP 47) writes them, and the zone, such as `(Lisbon time)`."""
        local, reader = self.moment.astimezone(ZoneInfo(self.time_zone)), babel_locale(locale)
        order = str(get_datetime_format("medium", locale=reader)).replace("'", "")
        words = order.format(format_time(local, "short", locale=reader), format_date(local, "long", locale=reader))
        city = self.time_zone.rpartition("/")[2].replace("_", " ")
        return f"{words} ({city} time)"


def format_deadline(moment: datetime, time_zone: str = DEFAULT_TIME_ZONE) -> str:
    """A deadline for people whose locale is not known."""
    return Deadline(moment, time_zone).format()


def is_time_zone(name: str) -> bool:
    """Whether the tz database has this zone."""
    return name in _known_zones()


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())
