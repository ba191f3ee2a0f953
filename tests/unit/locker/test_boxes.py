"""The states of a box, held against the rules of the business."""

from __future__ import annotations

import itertools

import pytest

from services.locker.boxes import MOVES
from services.locker.locations import Point, point_of

LEGAL = {
    ("free", "held"),  # for the package of an order
    ("held", "occupied"),  # the package is put in
    ("held", "free"),  # the order is cancelled
    ("occupied", "free"),  # the package is taken out
    ("free", "out_of_service"),
    ("out_of_service", "free"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MOVES, repeat=2)))
def test_a_box_goes_only_where_the_rules_say(before: str, after: str) -> None:
    assert (after in MOVES[before]) == ((before, after) in LEGAL)


def test_a_point_needs_both_its_numbers() -> None:
    assert point_of(None, None) is None
    assert point_of(0.0, 0.0) == Point(0.0, 0.0)
