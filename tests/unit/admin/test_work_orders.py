"""The states of a work order, held against the rules of the business."""

from __future__ import annotations

import itertools

import pytest

from services.admin import work_orders
from services.admin.models import OrderAtWork, WorkOrder
from services.admin.work_orders import MOVES, IllegalTransition
from tests.support.order_lifecycle import WORK_ORDER


def test_the_table_is_what_the_business_says() -> None:
    assert {(before, after) for before, afters in MOVES.items() for after in afters} == WORK_ORDER


@pytest.mark.parametrize(("before", "after"), sorted(set(itertools.product(MOVES, repeat=2)) - WORK_ORDER))
def test_an_illegal_move_leaves_no_trace(before: str, after: str) -> None:
    work_order = WorkOrder(state=before, reason="kept", orders=[])
    with pytest.raises(IllegalTransition, match=f"{before} cannot become {after}") as caught:
        work_orders.move(work_order, after)
    assert caught.value.status == 409
    assert (work_order.state, work_order.reason) == (before, "kept")


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(IllegalTransition):
        work_orders.move(WorkOrder(state="open", orders=[]), "lost")


def test_what_is_done_is_given_to_nobody() -> None:
    work_order = WorkOrder(state="done", assignee_id="usr_1", orders=[OrderAtWork(order_id="dor_1")])
    for call in (lambda: work_orders.assign(work_order, "usr_2"), lambda: work_orders.reopen(work_order)):
        with pytest.raises(IllegalTransition):
            call()
    assert work_order.assignee_id == "usr_1"
