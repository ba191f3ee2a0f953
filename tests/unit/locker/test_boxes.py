"""The states of a box, and which moves staff make by hand."""

from __future__ import annotations

import itertools

import pytest

from services.locker.boxes import MOVES, can_change_by_hand
from services.locker.locations import Point, point_of

LEGAL = {
    ("free", "held"),  # for the package of an order
    ("held", "occupied"),  # the package is put in
    ("held", "free"),  # the order is cancelled
    ("occupied", "free"),  # the package is taken out
    ("free", "out_of_service"),
    ("out_of_service", "free"),
}
BY_HAND = {("free", "out_of_service"), ("out_of_service", "free")}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MOVES, repeat=2)))
def test_a_box_goes_only_where_the_rules_say(before: str, after: str) -> None:
    assert (after in MOVES[before]) == ((before, after) in LEGAL)
    assert can_change_by_hand(before, after) == ((before, after) in BY_HAND)


def test_a_point_needs_both_its_numbers() -> None:
    assert point_of(None, None) is None
    assert point_of(0.0, 0.0) == Point(0.0, 0.0)
