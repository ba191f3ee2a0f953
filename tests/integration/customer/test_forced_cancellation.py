"""Orders and returns that cannot go on: not picked up, or lost (stories b-po-02, mf-bo-02, mf-bo-03)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import httpx
import pytest
from sqlalchemy import select

from libs.chassis import db
from libs.chassis.deadlines import end_of_day
from libs.chassis.tables import OutboxRow
from tests.integration.customer import buying_support as buying
from tests.integration.customer.buying_support import (
    COAT,
    HAT,
    SCOPES,
    TO_PICKED_UP,
    Send,
    advance,
    place,
    problem_of,
)
from tests.integration.customer.conftest import TIME_ZONE, FakePeers
from tests.support.harness import Harness

IN_BOX = TO_PICKED_UP[:-1]


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.fixture
def manager(customer: Harness) -> Send:
    return customer.as_user("marta", "customer:buying-orders:force-cancel", "internal", roles=["manager"])


def force_cancel(manager: Send, subject: dict[str, str], **body: object) -> httpx.Response:
    kind = "returns" if subject["id"].startswith("rbo") else "orders"
    path = f"/customer/v1/monitored-buying-{kind}/{subject['id']}/forced-cancellation"
    return manager("POST", path, json={"reason": "not found"} | body)


@pytest.mark.story("b-po-02")
def test_an_order_that_is_not_picked_up_is_cancelled_after_one_reminder(customer: Harness, ines: Send) -> None:
    order = place(ines)
    advance(customer, order, *IN_BOX)
    put_in_box = datetime.fromisoformat(buying.read(ines, order)["timeline"][-1]["at"])
    until = datetime.fromisoformat(buying.read(ines, order)["pick_up_until"])
    assert until == end_of_day(put_in_box, 7, TIME_ZONE)
    buying.run_jobs_later(4)
    assert customer.published("customer.buying_order.pick_up_due.v1") == []
    for days in (6, 6.5, 7.5):
        buying.run_jobs_later(days)
    [reminder] = customer.published("customer.buying_order.pick_up_due.v1")
    assert (reminder["order_id"], reminder["pick_up_until"]) == (
        order["id"],
        buying.read(ines, order)["pick_up_until"],
    )
    assert buying.read(ines, order)["state"] == "in_box", "the event of its pick-up may be late"
    for _ in range(2):
        buying.run_jobs_later(9.01)
    assert (buying.read(ines, order)["state"], buying.read(ines, order)["cancel_reason"]) == (
        "cancelled",
        "not_picked_up",
    )
    last = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (last["previous_state"], last["state"], last["reason"]) == ("in_box", "cancelled", "not_picked_up")
    assert (last["product_ids"], last["missing_product_ids"]) == ([], [COAT, HAT]), "they are still in the box"
    advance(customer, order, "take_out")
    assert buying.read(ines, order)["state"] == "cancelled"
    [taken] = customer.published("customer.buying_order.picked_up_after_end.v1")
    assert (taken["order_id"], taken["buyer_id"]) == (order["id"], order["buyer_id"])


def test_an_order_that_was_picked_up_in_time_is_not_cancelled(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying.run_jobs_later(9.01)
    assert buying.read(ines, order)["state"] == "picked_up"
    assert customer.published("customer.buying_order.pick_up_due.v1") == []


@pytest.mark.story("mf-bo-02")
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("missing", [[], [HAT], [COAT, HAT]])
def test_a_manager_force_cancels_an_order(
    customer: Harness, ines: Send, manager: Send, steps: int, missing: list[str]
) -> None:
    order = place(ines)
    advance(customer, order, *TO_PICKED_UP[:steps])
    requested = missing
    if buying.read(ines, order)["state"] in ("packed", "shipping", "in_box"):
        missing = [COAT, HAT]  # they may be in a van or in a box, whatever the request lists
    for _ in range(2):
        response = force_cancel(manager, order, missing_product_ids=requested)
        assert (response.status_code, response.json()["state"]) == (200, "cancelled"), response.text
        assert response.json()["cancel_reason"] == "force_cancelled"
    published = [
        event
        for event in customer.published("customer.buying_order.state_changed.v1")
        if event["state"] == "cancelled"
    ]
    assert [(event["reason"], event["product_ids"], event["missing_product_ids"]) for event in published] == [
        ("force_cancelled", [one for one in (COAT, HAT) if one not in missing], missing)
    ]
    entry = customer.published("customer.audit.recorded.v1")[0]
    assert (entry["action"], entry["target"]) == ("force_cancel_buying_order", order["id"])
    assert entry["after"] == {"state": "cancelled", "reason": "not found", "missing_product_ids": missing}
    advance(customer, order, *TO_PICKED_UP[1:])  # stale events
    assert buying.read(ines, order)["state"] == "cancelled"


def test_an_unpaid_or_picked_up_order_cannot_be_force_cancelled(
    customer: Harness, ines: Send, manager: Send
) -> None:
    unpaid, mine, cancelled = place(ines, COAT), buying.place_and_pick_up(customer, ines, HAT), place(ines)
    advance(customer, cancelled, "pay")
    ines("POST", f"{buying.ORDERS}/{cancelled['id']}/cancellation")
    for order in (unpaid, mine, cancelled):
        before = buying.read(ines, order)
        assert problem_of(force_cancel(manager, order, missing_product_ids=[])) == (409, "illegal-transition")
        assert buying.read(ines, order) == before
    employee = customer.as_user("eva", "customer:buying-orders:monitor", "internal", roles=["employee"])
    assert force_cancel(employee, mine, missing_product_ids=[]).status_code == 403
    assert force_cancel(manager, {"id": "bor_" + "0" * 32}, missing_product_ids=[]).status_code == 404
    strange = force_cancel(manager, unpaid, missing_product_ids=["prd_" + "0" * 32])
    assert (strange.status_code, strange.json()["errors"][0]["pointer"]) == (422, "/missing_product_ids/0")


@pytest.mark.story("mf-bo-03")
@pytest.mark.parametrize("is_collected", [False, True])
def test_a_lost_return_is_refunded_completely_and_once(
    customer: Harness, ines: Send, manager: Send, is_collected: bool
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = buying.create_return(ines, order, COAT)
    assert problem_of(force_cancel(manager, buying_return)) == (409, "illegal-transition")
    buying.use_door(customer, buying_return["id"], "deposit")
    if is_collected:
        buying.change_work(customer, "collecting", "done", buying_return["id"])
    for _ in range(2):
        current = force_cancel(manager, buying_return).json()
        assert (current["state"], current["refund"], current["is_force_cancelled"]) == (
            "refund_decided",
            buying_return["price"],
            True,
        )
    buying.change_work(customer, "collecting", "done", buying_return["id"])
    published = customer.published("customer.buying_return.state_changed.v1")[-1]
    assert (published["state"], published["is_force_cancelled"]) == ("refund_decided", True)
    buying.complete_refund(customer, order, 2000, buying_return["id"])
    assert buying.read(ines, buying_return)["state"] == "completed"


@pytest.mark.story("mf-bo-03")
@pytest.mark.parametrize("is_refunded", [False, True])
@pytest.mark.parametrize("result", ["good", "bad"])
def test_the_clothes_of_a_force_cancelled_return_are_checked_when_they_are_found(
    customer: Harness, ines: Send, manager: Send, is_refunded: bool, result: str
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = buying.create_return(ines, order)
    buying.use_door(customer, buying_return["id"], "deposit")
    force_cancel(manager, buying_return)
    if is_refunded:
        buying.complete_refund(customer, order, 4000, buying_return["id"])
    state = buying.read(ines, buying_return)["state"]
    buying.change_work(customer, "collecting", "done", buying_return["id"])
    for _ in range(2):
        buying.check_items(customer, buying_return, {COAT: "good", HAT: result})
    buying.agree_on_refund(customer, buying_return, 0)
    current = buying.read(ines, buying_return)
    assert (current["state"], current["refund"]) == (state, buying_return["price"]), (
        "everything is refunded already"
    )
    assert [item["result"] for item in current["items"]] == ["good", result]
    published = customer.published("customer.buying_return.state_changed.v1")[-1]
    assert (
        published["state"],
        published["previous_state"],
        published["is_force_cancelled"],
    ) == (state, state, True)
    versions, times = zip(*_versions_and_times("customer.buying_return.state_changed.v1"), strict=True)
    assert sorted(set(versions)) == list(versions), "each has a newer version"
    assert sorted(times) == list(times)
    assert [item["result"] for item in published["items"]] == ["good", result]
    assert buying.published_transitions(customer, "buying_return").count((state, state)) == 1
    if not is_refunded:
        buying.complete_refund(customer, order, 4000, buying_return["id"])
    assert buying.read(ines, buying_return)["state"] == "completed"


def _versions_and_times(event_type: str) -> Iterator[tuple[int, str]]:
    with db.unit_of_work(reads_only=True) as session:
        for row in session.scalars(select(OutboxRow).where(OutboxRow.type == event_type).order_by(OutboxRow.id)):
            yield row.version, json.loads(row.body)["data"]["at"]
