"""The parser of times: every valid time can be parsed, stored and used in calculations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis import clock
from libs.chassis.validation import compile_schema

TIME = {"type": "string", "format": "date-time"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01t12:00:00z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.5+01:30", datetime(2026, 3, 1, 10, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01T12:00:00.123456789Z", datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T23:59:59-23:59", datetime(2024, 3, 1, 23, 58, 59, tzinfo=UTC)),
        ("1000-01-02T00:00:00Z", clock.EARLIEST),
        ("9998-12-31T00:00:00Z", clock.LATEST),
    ],
)
def test_a_time_is_parsed_in_utc_to_the_microsecond(text: str, expected: datetime) -> None:
    assert clock.parse_rfc3339(text) == expected
    assert compile_schema(TIME).is_valid(text)


REFUSED = [
    "2016-12-31T23:59:60Z",  # a leap second
    "2026-03-01T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:00",
    "0999-12-31T23:59:59Z",
    "9998-12-31T00:00:01Z",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01T00:00:00Z",
    "2026-03-01T12:00:00",
    "2026-03-01 12:00:00Z",
    "2026-03-01T12:00Z",
    "20260301T120000Z",
    "2026-W09-7T12:00:00Z",
    "2026-03-01T12:00:00,5Z",
    "2026-03-01T12:00:00.Z",
    "2026-03-01T12:00:00.1234567890Z",
    "2026-03-01T12:00:00+24:00",
    "2026-03-01T12:00:00+01:60",
    "2026-03-01T12:00:00+0100",
    "\uff12026-03-01T12:00:00Z",
    "2026-03-01T12:00:00Z\n",
    "",
]


@pytest.mark.parametrize("text", REFUSED)
def test_validation_rejects_times_that_the_parser_rejects(text: str) -> None:
    assert not compile_schema(TIME).is_valid(text)
    with pytest.raises(ValueError, match=r"time|year|range|day|hour|second|month"):
        clock.parse_rfc3339(text)


TWO = st.integers(0, 99).map("{:02}".format)
NEARLY_A_TIME = st.builds(
    "{:04}-{}-{}{}{}:{}:{}{}{}".format,
    st.integers(0, 9999) | st.sampled_from([0, 1, 999, 1000, 9998, 9999]),
    TWO,
    TWO,
    st.sampled_from("Tt "),
    TWO,
    TWO,
    TWO | st.just("60"),
    st.sampled_from(["", ".", ".0", ".999999", ".999999999"]) | st.from_regex(r"\.[0-9]{1,12}", fullmatch=True),
    st.sampled_from(["Z", "z", "", "-00:00"]) | st.builds("{}{}:{}".format, st.sampled_from("+-"), TWO, TWO),
)


@given(NEARLY_A_TIME | st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | st.text(max_size=30))
def test_the_parser_accepts_every_valid_time(text: str) -> None:
    if not compile_schema(TIME).is_valid(text):
        return
    time = clock.parse_rfc3339(text)
    assert time.utcoffset() == timedelta(0)
    assert clock.rfc3339(time + timedelta(days=300)) is not None
    assert clock.rfc3339(time - timedelta(hours=24)) is not None
    assert time.astimezone(ZoneInfo("Pacific/Kiritimati")) == time
    assert clock.parse_rfc3339(clock.rfc3339(time) or "") == time
