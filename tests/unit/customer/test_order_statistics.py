"""Periods and counts of the statistics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.problems import Unprocessable
from services.customer import order_statistics
from tests.support.order_lifecycle import BUYING_ORDER, DONATION, states_of
from tests.unit.customer.orders import NOON


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_period_ends_after_it_begins(seconds: int) -> None:
    with pytest.raises(Unprocessable) as refused:
        order_statistics.period(NOON, NOON + timedelta(seconds=seconds))
    assert (refused.value.errors or [])[0]["pointer"] == "query/until"


def test_counts_by_state_have_their_sum() -> None:
    counts = {"placed": 2, "completed": 3}
    assert order_statistics.totalled(counts) == {"total": 5, "by_state": counts}
    assert order_statistics.totalled({}) == {"total": 0, "by_state": {}}


def test_rankings_leave_out_orders_that_came_to_nothing() -> None:
    assert states_of(BUYING_ORDER) - set(order_statistics.NOT_BOUGHT) >= {"paid", "picked_up", "completed"}
    assert states_of(DONATION) - set(order_statistics.NOT_DONATED) == {
        "deposited",
        "collected",
        "checked_good",
        "checked_bad",
        "listed",
        "sold",
        "recycled",
        "returning",
    }
