"""The lifecycle of a box."""

from __future__ import annotations

import itertools

import pytest

from services.locker.boxes.rules import LIFECYCLE

EXPECTED = {
    ("free", "hold"): "held",
    ("held", "fill"): "occupied",
    ("held", "free"): "free",  # the order was cancelled, or the hold is overdue
    ("occupied", "free"): "free",
    ("free", "take_out_of_service"): "out_of_service",
    ("out_of_service", "return_to_service"): "free",
    # A controller reports clothes in a box that was not held for them.
    ("free", "fill"): "occupied",
    ("out_of_service", "fill"): "occupied",
    ("free", "block"): "out_of_service",
    ("held", "block"): "out_of_service",
    ("out_of_service", "block"): "out_of_service",
}


@pytest.mark.parametrize(
    ("state", "transition"), list(itertools.product(sorted(LIFECYCLE.states), LIFECYCLE.transitions))
)
def test_a_box_allows_exactly_the_expected_transitions(state: str, transition: str) -> None:
    assert LIFECYCLE.transitions[transition].get(state) == EXPECTED.get((state, transition))


def test_staff_cannot_take_a_held_or_occupied_box_out_of_service() -> None:
    assert LIFECYCLE.sources("take_out_of_service") == ["free"]
    assert LIFECYCLE.sources("return_to_service") == ["out_of_service"]
