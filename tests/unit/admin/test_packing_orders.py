"""The states of a packing order, held against the rules of the business."""

from __future__ import annotations

import itertools

import pytest

from services.admin.models import PackingOrder
from services.admin.packing_orders import MOVES, IllegalMove, move

LEGAL = {
    ("open", "assigned"),
    ("assigned", "in_progress"),  # the tracking code is scanned
    ("in_progress", "done"),
    ("assigned", "open"),  # taken from the assignee
    ("open", "failed"),
    ("assigned", "failed"),
    ("in_progress", "failed"),
    ("failed", "open"),  # to be done by somebody else
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MOVES, repeat=2)))
def test_a_packing_order_goes_only_where_the_rules_say(before: str, after: str) -> None:
    packing_order = PackingOrder(state=before)
    if (before, after) in LEGAL:
        move(packing_order, after)
        assert packing_order.state == after
        return
    with pytest.raises(IllegalMove, match=f"{before} cannot become {after}") as caught:
        move(packing_order, after)
    assert caught.value.status == 409
    assert packing_order.state == before


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(IllegalMove):
        move(PackingOrder(state="open"), "lost")
