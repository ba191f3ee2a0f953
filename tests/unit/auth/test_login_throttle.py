"""How long to wait after failed log-ins, and which subscriber an address belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.sessions import login_throttle
from services.auth.sessions.login_throttle import calculate_wait, count_failures, find_subscriber

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, None), (1, None), (5, None), (6, 2), (7, 4), (8, 8), (14, 512), (15, 900), (16, 900), (10_000, 900)],
)
def test_the_first_failures_are_free_and_each_further_failure_doubles_the_wait(
    failures: int, seconds: int | None
) -> None:
    assert calculate_wait(failures) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(("failures", "seconds"), [(50, None), (51, 2), (52, 4)])
def test_an_address_has_more_free_failures_than_an_account(failures: int, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert calculate_wait(failures, login_throttle.FREE_FAILURES_PER_ADDRESS) == expected


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 100))
def test_another_failure_never_shortens_the_wait(failures: int, free: int) -> None:
    waits = [calculate_wait(count, free) or timedelta() for count in (failures, failures + 1)]
    assert waits[0] <= waits[1] <= timedelta(minutes=15)


@pytest.mark.parametrize(
    ("age", "failures"), [(timedelta(), 8), (timedelta(days=1), 8), (timedelta(days=1, microseconds=1), 1)]
)
def test_failures_expire_after_a_day(age: timedelta, failures: int) -> None:
    assert count_failures(7, NOW - age, NOW) == failures


@pytest.mark.parametrize(
    ("address", "subscriber"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("", ""),
        ("not an address", "not an address"),
        ("203.0.113.9:443", "203.0.113.9:443"),
    ],
)
def test_a_subscriber_is_an_ipv4_address_or_an_ipv6_network(address: str, subscriber: str) -> None:
    assert find_subscriber(address) == subscriber
