"""Periods and counts of the statistics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.problems import Unprocessable
from services.customer.statistics import queries
from tests.support.order_lifecycle import BUYING_ORDER, DONATING_ORDER, list_states
from tests.unit.customer.builders import NOON


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_period_ends_after_it_begins(seconds: int) -> None:
    with pytest.raises(Unprocessable) as refused:
        queries.require_period(NOON, NOON + timedelta(seconds=seconds))
    assert (refused.value.errors or [])[0]["pointer"] == "query/until"


def test_counts_by_state_have_their_sum() -> None:
    counts = {"placed": 2, "completed": 3}
    assert queries.add_total(counts) == {"total": 5, "by_state": counts}
    assert queries.add_total({}) == {"total": 0, "by_state": {}}


def test_rankings_leave_out_orders_that_were_undone() -> None:
    assert list_states(BUYING_ORDER) - set(queries.NOT_BOUGHT) >= {"paid", "picked_up", "completed"}
    assert list_states(DONATING_ORDER) - set(queries.NOT_DONATED) == {
        "deposited",
        "collected",
        "checked_good",
        "checked_bad",
        "listed",
        "sold",
        "recycled",
        "returning",
    }
