"""Which events of a controller are new: each number is received once and in order."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.chassis.clock import rfc3339
from services.locker.controllers.rules import EventGap, SequenceReused, compute_digest, event_time, is_next

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sequence", "stored_digest", "expected"),
    [(7, None, True), (6, "same", False), (6, None, False), (1, None, False)],
)
def test_an_event_that_was_received_before_is_skipped(
    sequence: int, stored_digest: str | None, expected: bool
) -> None:
    assert is_next(sequence, 7, "same", stored_digest) is expected


@pytest.mark.parametrize(
    ("sequence", "stored_digest", "error"),
    [(8, None, EventGap), (6, "another", SequenceReused), (100, None, EventGap)],
)
def test_a_gap_and_another_event_with_the_same_number_are_rejected(
    sequence: int, stored_digest: str | None, error: type[EventGap | SequenceReused]
) -> None:
    with pytest.raises(error) as caught:
        is_next(sequence, 7, "same", stored_digest)
    assert caught.value.extensions == {"expected_sequence": 7}


@settings(deadline=None)
@given(st.permutations(range(1, 6)).flatmap(lambda order: st.tuples(st.just(order), st.sampled_from([1, 2, 3]))))
def test_events_in_any_order_and_with_duplicates_are_applied_once_and_in_order(
    deliveries: tuple[list[int], int],
) -> None:
    order, repeats = deliveries
    applied: list[int] = []
    for _ in range(5 * repeats):
        for sequence in order:
            digest = str(sequence)
            with contextlib.suppress(EventGap):
                if is_next(sequence, len(applied) + 1, digest, digest if sequence in applied else None):
                    applied.append(sequence)
    assert applied == [1, 2, 3, 4, 5]


def test_the_digest_does_not_depend_on_the_order_of_members() -> None:
    assert compute_digest({"a": 1, "b": 2}) == compute_digest({"b": 2, "a": 1}) != compute_digest({"a": 1, "b": 3})


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (timedelta(hours=-5), timedelta(hours=-5)),
        (timedelta(), timedelta()),
        (timedelta(minutes=2), timedelta(minutes=2)),
        (timedelta(days=300), timedelta(minutes=2)),
    ],
)
def test_the_time_of_an_event_is_at_most_two_minutes_ahead(offset: timedelta, expected: timedelta) -> None:
    assert event_time({"at": rfc3339(NOW + offset)}, NOW) == NOW + expected
