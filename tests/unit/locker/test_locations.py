"""Parse the point of a search, and decide when a location is online and when its deposits are collected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.locker.locations.rules import is_collection_due, is_online
from services.locker.locations.search import Point, parse_point

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_point_is_optional_and_may_be_the_origin() -> None:
    assert parse_point(None, None) is None
    assert parse_point(0.0, 0.0) == Point(0.0, 0.0)


@pytest.mark.parametrize(
    ("silent_for", "expected"), [(None, False), (0, True), (59, True), (60, False), (3600, False)]
)
def test_a_location_is_offline_when_its_controller_has_not_called_for_a_minute(
    silent_for: int | None, expected: bool
) -> None:
    seen_at = None if silent_for is None else NOW - timedelta(seconds=silent_for)
    assert is_online(seen_at, NOW) is expected


@pytest.mark.parametrize(
    ("waiting_since", "threshold", "expected"),
    [
        ([], 1, False),
        ([NOW], 2, False),
        ([NOW, NOW], 2, True),
        ([NOW, NOW, NOW], 2, True),
        ([NOW - 2 * MINUTE], 2, True),
        ([NOW - MINUTE], 2, False),
        ([NOW, NOW - 2 * MINUTE], 9, True),
    ],
)
def test_deposits_are_collected_when_the_threshold_is_reached_or_one_has_waited_too_long(
    waiting_since: list[datetime], threshold: int, expected: bool
) -> None:
    assert is_collection_due(waiting_since, threshold, NOW - MINUTE) is expected
