"""The lifecycle of work orders, and when they can be finished."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from libs.chassis.problems import NotFound
from libs.chassis.state_machine import IllegalTransition
from services.admin.work import work_orders
from services.admin.work.rules import LIFECYCLE, CodesMissing, is_in_transit, require_finishable, require_own
from services.admin.work.tables import IncludedOrder, WorkOrder
from tests.support.order_lifecycle import WORK_ORDER
from tests.unit.admin.factories import build_work_order

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_the_lifecycle_is_that_of_the_business() -> None:
    assert LIFECYCLE.steps == WORK_ORDER


@pytest.mark.parametrize(
    ("before", "after"), sorted(set(itertools.product(LIFECYCLE.states, repeat=2)) - WORK_ORDER)
)
def test_an_illegal_transition_changes_nothing(before: str, after: str) -> None:
    work_order = WorkOrder(state=before, reason="kept", orders=[])
    with pytest.raises(IllegalTransition, match=before.replace("_", " ")) as caught:
        work_orders.transition(work_order, after)
    assert caught.value.status == 409
    assert (work_order.state, work_order.reason) == (before, "kept")


def test_a_finished_work_order_is_not_assigned_again() -> None:
    work_order = WorkOrder(state="done", assignee_id="usr_1", orders=[IncludedOrder(order_id="dor_1")])
    for call in (lambda: work_orders.assign(work_order, "usr_2"), lambda: work_orders.reopen(work_order)):
        with pytest.raises(IllegalTransition):
            call()
    assert work_order.assignee_id == "usr_1"


@pytest.mark.parametrize("state", ["open", "assigned", "failed", "done"])
def test_only_work_in_progress_is_finished(state: str) -> None:
    with pytest.raises(IllegalTransition, match=f"{state} cannot become done"):
        require_finishable(build_work_order(state=state))


def test_every_code_of_the_remaining_orders_is_scanned_first() -> None:
    scanned, missing = IncludedOrder(order_id="a", scanned_at=NOON), IncludedOrder(order_id="b")
    with pytest.raises(CodesMissing, match="scan 1 more"):
        require_finishable(build_work_order(state="in_progress", orders=[scanned, missing]))
    missing.removed_at = NOON
    require_finishable(build_work_order(state="in_progress", orders=[scanned, missing]))


@pytest.mark.parametrize(
    ("state", "scanned_at", "expected"),
    [
        ("open", None, False),
        ("assigned", None, False),
        ("in_progress", None, True),
        ("done", None, True),
        ("failed", None, False),
        ("failed", NOON, True),  # it may still be in the van
    ],
)
def test_a_package_is_in_transit_once_its_deliveryman_has_it(
    state: str, scanned_at: datetime | None, expected: bool
) -> None:
    orders = [IncludedOrder(order_id="bor_1", scanned_at=scanned_at)]
    assert is_in_transit(build_work_order("shipping", state, orders=orders)) is expected


@pytest.mark.parametrize(("kind", "person"), [("collecting", "zoe"), ("shipping", "rui"), ("collecting", "")])
def test_a_work_order_of_somebody_else_or_of_another_kind_does_not_exist(kind: str, person: str) -> None:
    own = build_work_order("collecting", "assigned", assignee_id="rui")
    with pytest.raises(NotFound):
        require_own(own, kind, person)
    assert require_own(own, "collecting", "rui") is own
