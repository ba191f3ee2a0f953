"""Deadlines are the end of a day in the time zone of a location."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.deadlines import Deadline, end_of_day, format_deadline, is_time_zone

LISBON, AZORES, KIRITIMATI = "Europe/Lisbon", "Atlantic/Azores", "Pacific/Kiritimati"
ZONES = st.sampled_from([LISBON, AZORES, KIRITIMATI, "Africa/Cairo", "America/Havana", "America/Sao_Paulo", "UTC"])


@pytest.mark.parametrize(
    ("time", "days", "zone", "expected"),
    [
        ("2026-11-30T20:45:00Z", 14, LISBON, "2026-12-14T23:59:59.999999Z"),
        ("2026-11-30T00:00:00Z", 14, LISBON, "2026-12-14T23:59:59.999999Z"),
        ("2026-11-30T23:59:59Z", 14, LISBON, "2026-12-14T23:59:59.999999Z"),
        ("2026-11-30T20:45:00Z", 0, LISBON, "2026-11-30T23:59:59.999999Z"),
        # Just before and after local midnight in summer, when Lisbon is an hour ahead of UTC.
        ("2026-07-01T22:59:59Z", 1, LISBON, "2026-07-02T22:59:59.999999Z"),
        ("2026-07-01T23:00:00Z", 1, LISBON, "2026-07-03T22:59:59.999999Z"),
        # Over both changes of the clock in 2026: 29 March and 25 October.
        ("2026-03-28T12:00:00Z", 1, LISBON, "2026-03-29T22:59:59.999999Z"),
        ("2026-03-22T12:00:00Z", 14, LISBON, "2026-04-05T22:59:59.999999Z"),
        ("2026-10-24T12:00:00Z", 1, LISBON, "2026-10-25T23:59:59.999999Z"),
        ("2026-10-24T12:00:00Z", 0, LISBON, "2026-10-24T22:59:59.999999Z"),
        ("2026-11-30T00:30:00Z", 1, AZORES, "2026-12-01T00:59:59.999999Z"),
        ("2026-11-30T12:00:00Z", 1, KIRITIMATI, "2026-12-02T09:59:59.999999Z"),
        # In Cairo the clock goes from 24:00 on 23 April 2026 to 01:00: that midnight does not exist.
        ("2026-04-23T12:00:00Z", 0, "Africa/Cairo", "2026-04-23T21:59:59.999999Z"),
    ],
)
def test_a_deadline_is_the_last_microsecond_of_the_local_day(
    time: str, days: int, zone: str, expected: str
) -> None:
    assert end_of_day(datetime.fromisoformat(time), days, zone) == datetime.fromisoformat(expected)


@given(st.integers(0, 5000 * 86400), st.integers(0, 400), ZONES)
def test_the_microsecond_after_a_deadline_is_on_the_next_day(seconds: int, days: int, zone: str) -> None:
    time = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    deadline, place = end_of_day(time, days, zone), ZoneInfo(zone)
    last_day = time.astimezone(place).date() + timedelta(days=days)
    assert deadline >= time
    assert deadline.astimezone(place).date() == last_day
    assert (deadline + timedelta(microseconds=1)).astimezone(place).date() == last_day + timedelta(days=1)


@pytest.mark.parametrize(
    ("time", "zone", "locale", "words"),
    [
        ("2026-12-14T23:59:59.999999Z", LISBON, "en", "December 14, 2026, 11:59 PM (Lisbon time)"),
        ("2026-12-14T23:59:59.999999Z", LISBON, "de", "14. Dezember 2026, 23:59 (Lisbon time)"),
        ("2026-12-14T23:59:59.999999Z", LISBON, "pt-PT", "14 de dezembro de 2026, 23:59 (Lisbon time)"),
        ("2026-12-14T23:59:59.999999Z", LISBON, "ja", "2026年12月14日 23:59 (Lisbon time)"),
        ("2026-07-02T22:59:59.999999Z", LISBON, "en-GB", "2 July 2026, 23:59 (Lisbon time)"),
        ("2026-07-02T22:59:59.999999Z", "America/Sao_Paulo", "de", "2. Juli 2026, 19:59 (Sao Paulo time)"),
        ("2026-07-02T22:59:59.999999Z", LISBON, "tlh", "July 2, 2026, 11:59 PM (Lisbon time)"),
    ],
)
def test_a_deadline_has_day_time_and_zone_in_the_format_of_a_locale(
    time: str, zone: str, locale: str, words: str
) -> None:
    deadline = Deadline(datetime.fromisoformat(time), zone)
    assert deadline.format(locale).replace("\N{NARROW NO-BREAK SPACE}", " ") == words


def test_a_deadline_without_a_locale_is_in_the_default_locale() -> None:
    time = datetime(2026, 12, 14, 12, tzinfo=UTC)
    assert format_deadline(time) == Deadline(time).format("en")


@pytest.mark.parametrize("name", ["", "Lisbon", "europe/lisbon", "Europe/Lisbon ", "../etc/passwd", "WET/Lisbon"])
def test_only_names_of_the_tz_database_are_time_zones(name: str) -> None:
    assert not is_time_zone(name)
    assert is_time_zone(LISBON)
