"""When a code, a right or a grant opens a door, and when deposits are collected."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from libs.chassis.clock import freeze
from libs.chassis.door_codes import CODE_STEP_SECONDS, step_at
from services.locker import door_rights, openings
from services.locker.models import DoorRight, Location
from services.locker.thresholds import is_due

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("steps", "is_shown"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_opens_while_it_is_on_the_screen_or_was_just_before(steps: int, is_shown: bool) -> None:
    assert openings.is_on_screen(step_at(NOW) + steps, NOW) is is_shown


def test_a_code_stays_on_the_screen_for_half_a_minute() -> None:
    assert CODE_STEP_SECONDS == openings.GRANT_VALID_FOR.total_seconds() == 30


@pytest.mark.parametrize(
    ("silent_for", "is_online"), [(None, False), (0, True), (59, True), (60, False), (3600, False)]
)
def test_a_controller_that_is_silent_for_a_minute_is_offline(silent_for: int | None, is_online: bool) -> None:
    seen = None if silent_for is None else NOW - timedelta(seconds=silent_for)
    with freeze(NOW):
        assert openings.is_online(Location(controller_seen_at=seen)) is is_online


@pytest.mark.parametrize("day", [date(2026, 12, 1), date(2026, 12, 31), date(2028, 2, 28), date(2026, 3, 29)])
def test_a_grant_for_the_day_ends_with_the_day_in_utc(day: date) -> None:
    assert openings.end_of(day) - datetime.combine(day, datetime.min.time(), tzinfo=UTC) == timedelta(days=1)


@pytest.mark.parametrize(
    ("state", "ended_at", "was_open"),
    [
        ("open", None, True),
        ("void", NOW + MINUTE, True),
        ("void", NOW, False),
        ("void", NOW - MINUTE, False),
        ("void", None, False),
        ("used", NOW + MINUTE, False),
    ],
)
def test_a_door_that_was_opened_before_its_right_ended_counts(
    state: str, ended_at: datetime | None, was_open: bool
) -> None:
    assert door_rights.was_open(DoorRight(state=state, ended_at=ended_at), NOW) is was_open


@pytest.mark.parametrize(
    ("valid_until", "is_over"), [(None, False), (NOW + MINUTE, False), (NOW, True), (NOW - MINUTE, True)]
)
def test_a_right_is_over_when_its_hold_is(valid_until: datetime | None, is_over: bool) -> None:
    with freeze(NOW):
        assert door_rights.is_over(DoorRight(valid_until=valid_until)) is is_over


def test_a_box_is_full_after_a_deposit_or_a_shipment_and_empty_after_everything_else() -> None:
    assert {purpose for purpose, fills in door_rights.PURPOSES.items() if fills} == {"deposit", "ship"}
    assert set(door_rights.PURPOSES) == {"deposit", "ship", "withdraw", "collect", "pick_up"}
    assert set(door_rights.AHEAD) == {"collect", "ship"}, "only staff work without a network"


@pytest.mark.parametrize(
    ("waiting", "threshold", "due"),
    [
        ([], 1, False),
        ([NOW], 2, False),
        ([NOW, NOW], 2, True),
        ([NOW, NOW, NOW], 2, True),
        ([None], 2, False),
        ([None, None], 2, True),
        ([NOW - 2 * MINUTE], 2, True),
        ([NOW - MINUTE], 2, False),
        ([NOW, NOW - 2 * MINUTE], 9, True),
    ],
)
def test_deposits_are_collected_when_there_are_enough_or_one_waits_too_long(
    waiting: list[datetime | None], threshold: int, due: bool
) -> None:
    assert is_due(waiting, threshold, NOW - MINUTE) is due
