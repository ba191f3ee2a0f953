"""The events of a controller: each number once and in order."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.chassis.clock import freeze, rfc3339
from services.locker import controllers
from services.locker.controllers import EventGap, SequenceReused, digest_of, is_next

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "known", "result"),
    [(7, None, True), (6, "same", False), (6, None, False), (1, None, False)],
)
def test_an_event_is_taken_once(number: int, known: str | None, result: bool) -> None:
    assert is_next(number, 7, "same", known) is result


@pytest.mark.parametrize(
    ("number", "known", "fault"), [(8, None, EventGap), (6, "another", SequenceReused), (100, None, EventGap)]
)
def test_a_gap_or_another_event_of_the_same_number_is_refused(
    number: int, known: str | None, fault: type[EventGap | SequenceReused]
) -> None:
    with pytest.raises(fault) as caught:
        is_next(number, 7, "same", known)
    assert caught.value.extensions == {"expected_sequence": 7}


@settings(deadline=None)
@given(st.permutations(range(1, 6)).flatmap(lambda order: st.tuples(st.just(order), st.sampled_from([1, 2, 3]))))
def test_in_whatever_order_and_however_often_events_come_each_is_applied_once(
    given_orders: tuple[list[int], int],
) -> None:
    order, repeats = given_orders
    applied: list[int] = []
    for _ in range(5 * repeats):
        for number in order:
            with contextlib.suppress(EventGap):
                if is_next(number, len(applied) + 1, str(number), str(number) if number in applied else None):
                    applied.append(number)
    assert applied == [1, 2, 3, 4, 5]


def test_a_digest_does_not_depend_on_the_order_of_members() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 1, "b": 3})


@pytest.mark.parametrize(
    ("ahead", "taken"),
    [
        (timedelta(hours=-5), timedelta(hours=-5)),
        (timedelta(), timedelta()),
        (timedelta(minutes=2), timedelta(minutes=2)),
        (timedelta(days=300), timedelta(minutes=2)),
    ],
)
def test_a_controller_whose_clock_is_ahead_reports_no_future_event(ahead: timedelta, taken: timedelta) -> None:
    with freeze(NOW):
        assert controllers._time_of({"at": rfc3339(NOW + ahead)}) == NOW + taken
