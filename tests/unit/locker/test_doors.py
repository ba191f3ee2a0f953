"""When a code, a door right or a grant opens a door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from libs.chassis.door_codes import CODE_STEP_SECONDS, step_at
from services.locker.doors import grant_rules, rules

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("steps", "expected"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_current_for_its_step_and_one_step_before_and_after(steps: int, expected: bool) -> None:
    assert rules.is_code_current(step_at(NOW) + steps, NOW) is expected


def test_codes_and_grants_are_valid_for_half_a_minute() -> None:
    assert CODE_STEP_SECONDS == grant_rules.VALID_FOR.total_seconds() == 30


@pytest.mark.parametrize("day", [date(2026, 12, 1), date(2026, 12, 31), date(2028, 2, 28), date(2026, 3, 29)])
def test_an_offline_grant_expires_at_the_end_of_the_day_in_utc(day: date) -> None:
    assert grant_rules.end_of_day(day) - datetime.combine(day, datetime.min.time(), tzinfo=UTC) == timedelta(days=1)


@pytest.mark.parametrize(
    ("state", "ended_at", "expected"),
    [
        ("open", None, True),
        ("void", NOW + MINUTE, True),
        ("void", NOW, False),
        ("void", NOW - MINUTE, False),
        ("void", None, False),
        ("used", NOW + MINUTE, False),
    ],
)
def test_a_right_that_was_voided_later_was_open_at_the_time(
    state: str, ended_at: datetime | None, expected: bool
) -> None:
    assert rules.was_open_at(state, ended_at, NOW) is expected


@pytest.mark.parametrize(
    ("valid_until", "expected"), [(None, False), (NOW + MINUTE, False), (NOW, True), (NOW - MINUTE, True)]
)
def test_a_right_expires_with_its_hold(valid_until: datetime | None, expected: bool) -> None:
    assert rules.is_expired(valid_until, NOW) is expected


def test_a_box_is_occupied_after_a_deposit_or_a_shipment_and_empty_after_the_other_purposes() -> None:
    assert {purpose for purpose, fills in rules.IS_OCCUPIED_AFTER.items() if fills} == {"deposit", "ship"}
    assert set(rules.IS_OCCUPIED_AFTER) == {"deposit", "ship", "withdraw", "collect", "pick_up"}
    assert set(rules.OFFLINE_PURPOSES) == {"collect", "ship"}, "only staff opens doors offline"


def test_a_right_that_was_voided_while_its_door_was_open_can_still_be_used() -> None:
    assert rules.LIFECYCLE.sources("use") == ["open", "void"]
    assert rules.LIFECYCLE.final_states == {"used"}


def test_a_grant_whose_door_is_open_can_only_be_closed() -> None:
    for state in ("opened", "late"):
        assert [
            name for name in grant_rules.LIFECYCLE.transitions if grant_rules.LIFECYCLE.allows(state, name)
        ] == ["close"]
