"""Orders and returns that cannot go on: nobody picks them up, or they are not found (stories b-po-02, mf-bo-02)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from libs.chassis import db
from libs.chassis.deadlines import end_of_day
from libs.chassis.tables import OutboxRow
from services.customer.buying_orders import lifecycle as buying_orders
from services.customer.buying_returns import lifecycle as buying_returns
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


def give_up(manager: Send, thing: dict[str, str], **body: object) -> httpx.Response:
    kind = "returns" if thing["id"].startswith("rbo") else "orders"
    path = f"/customer/v1/monitored-buying-{kind}/{thing['id']}/forced-cancellation"
    return manager("POST", path, json={"reason": "not found"} | body)


@pytest.mark.story("b-po-02")
def test_an_order_that_nobody_picks_up_is_told_of_once_then_goes_back(customer: Harness, ines: Send) -> None:
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
    assert buying.read(ines, order)["state"] == "in_box", "the news that it was taken out may be late"
    for _ in range(2):
        buying.run_jobs_later(9.01)
    assert (buying.read(ines, order)["state"], buying.read(ines, order)["cancel_reason"]) == (
        "cancelled",
        "not_picked_up",
    )
    last = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (last["previous_state"], last["state"], last["reason"]) == ("in_box", "cancelled", "not_picked_up")
    assert (last["product_ids"], last["missing_product_ids"]) == ([], [COAT, HAT]), "they are in the box still"
    advance(customer, order, "take_out")
    assert buying.read(ines, order)["state"] == "cancelled"
    [taken] = customer.published("customer.buying_order.picked_up_after_end.v1")
    assert (taken["order_id"], taken["buyer_id"]) == (order["id"], order["buyer_id"])


def test_an_order_that_was_picked_up_in_time_stays_with_its_buyer(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying.run_jobs_later(9.01)
    assert buying.read(ines, order)["state"] == "picked_up"
    assert customer.published("customer.buying_order.pick_up_due.v1") == []


@pytest.mark.story("mf-bo-02")
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("missing", [[], [HAT], [COAT, HAT]])
def test_a_manager_gives_up_an_order_that_cannot_go_on(
    customer: Harness, ines: Send, manager: Send, steps: int, missing: list[str]
) -> None:
    order = place(ines)
    advance(customer, order, *TO_PICKED_UP[:steps])
    said = missing
    if buying.read(ines, order)["state"] in ("packed", "shipping", "in_box"):
        missing = [COAT, HAT]  # nobody sells what may be in a van or in a box, whatever is said
    for _ in range(2):
        response = give_up(manager, order, missing_product_ids=said)
        assert (response.status_code, response.json()["state"]) == (200, "cancelled"), response.text
        assert response.json()["cancel_reason"] == "force_cancelled"
    published = [
        move
        for move in customer.published("customer.buying_order.state_changed.v1")
        if move["state"] == "cancelled"
    ]
    assert [(move["reason"], move["product_ids"], move["missing_product_ids"]) for move in published] == [
        ("force_cancelled", [one for one in (COAT, HAT) if one not in missing], missing)
    ]
    entry = customer.published("customer.audit.recorded.v1")[0]
    assert (entry["action"], entry["target"]) == ("force_cancel_buying_order", order["id"])
    assert entry["after"] == {"state": "cancelled", "reason": "not found", "missing_product_ids": missing}
    advance(customer, order, *TO_PICKED_UP[1:])  # late news
    assert buying.read(ines, order)["state"] == "cancelled"


@pytest.mark.parametrize("kind", ["return expires", "order is complete"])
def test_one_that_cannot_end_holds_no_other_up(
    customer: Harness, ines: Send, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    module, name = (buying_returns, "apply_event") if kind == "return expires" else (buying_orders, "complete")
    things = [buying.place_and_pick_up(customer, ines) for _ in range(3)]
    if kind == "return expires":
        things = [buying.create_return(ines, order) for order in things]
    act: Callable[..., None] = getattr(module, name)

    def fail_once(thing: Any, *more: Any) -> None:
        if things[0]["id"] in (thing, getattr(thing, "id", None)):
            raise RuntimeError
        act(thing, *more)

    monkeypatch.setattr(module, name, fail_once)
    before = buying.read(ines, things[0])["state"]
    buying.run_jobs_later(40)
    ended = "expired" if kind == "return expires" else "completed"
    assert [buying.read(ines, thing)["state"] for thing in things] == [before, ended, ended]


def test_what_was_not_paid_or_is_with_its_buyer_is_not_given_up(
    customer: Harness, ines: Send, manager: Send
) -> None:
    unpaid, mine, called_off = place(ines, COAT), buying.place_and_pick_up(customer, ines, HAT), place(ines)
    advance(customer, called_off, "pay")
    ines("POST", f"{buying.ORDERS}/{called_off['id']}/cancellation")
    for order in (unpaid, mine, called_off):
        before = buying.read(ines, order)
        assert problem_of(give_up(manager, order, missing_product_ids=[])) == (409, "illegal-transition")
        assert buying.read(ines, order) == before
    employee = customer.as_user("eva", "customer:buying-orders:monitor", "internal", roles=["employee"])
    assert give_up(employee, mine, missing_product_ids=[]).status_code == 403
    assert give_up(manager, {"id": "bor_" + "0" * 32}, missing_product_ids=[]).status_code == 404
    strange = give_up(manager, unpaid, missing_product_ids=["prd_" + "0" * 32])
    assert (strange.status_code, strange.json()["errors"][0]["pointer"]) == (422, "/missing_product_ids/0")


def test_work_that_comes_too_early_for_one_order_moves_the_others(customer: Harness, ines: Send) -> None:
    known, late = buying.place_and_pick_up(customer, ines, COAT), buying.place_and_pick_up(customer, ines, HAT)
    handed_in, in_hand = buying.create_return(ines, known), buying.create_return(ines, late)
    buying.use_door(customer, handed_in["id"], "deposit")
    orders = [{"order_id": made["id"], "box_id": None, "tracking_code": None} for made in (in_hand, handed_in)]
    for _ in range(2):
        with pytest.raises(LookupError):
            buying.change_work(customer, "collecting", "done", handed_in["id"], orders=orders)
        assert buying.timeline_states(ines, handed_in) == ["created", "in_box", "collected"]
        assert buying.timeline_states(ines, in_hand) == ["created"]
    buying.use_door(customer, in_hand["id"], "deposit")
    buying.change_work(customer, "collecting", "done", handed_in["id"], orders=orders)
    assert buying.timeline_states(ines, in_hand) == ["created", "in_box", "collected"]
    assert buying.published_transitions(customer, "buying_return").count(("in_box", "collected")) == 2


@pytest.mark.story("mf-bo-03")
@pytest.mark.parametrize("is_collected", [False, True])
def test_a_return_that_is_lost_is_paid_back_whole_and_once(
    customer: Harness, ines: Send, manager: Send, is_collected: bool
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    made = buying.create_return(ines, order, COAT)
    assert problem_of(give_up(manager, made)) == (409, "illegal-transition")
    buying.use_door(customer, made["id"], "deposit")
    if is_collected:
        buying.change_work(customer, "collecting", "done", made["id"])
    for _ in range(2):
        found = give_up(manager, made).json()
        assert (found["state"], found["refund"], found["is_force_cancelled"]) == (
            "refund_decided",
            made["price"],
            True,
        )
    buying.change_work(customer, "collecting", "done", made["id"])
    published = customer.published("customer.buying_return.state_changed.v1")[-1]
    assert (published["state"], published["is_force_cancelled"]) == ("refund_decided", True)
    buying.complete_refund(customer, order, 2000, made["id"])
    assert buying.read(ines, made)["state"] == "completed"


@pytest.mark.story("mf-bo-03")
@pytest.mark.parametrize("is_paid_back", [False, True])
@pytest.mark.parametrize("result", ["good", "bad"])
def test_the_clothes_of_a_return_that_was_given_up_are_checked_when_they_are_found(
    customer: Harness, ines: Send, manager: Send, is_paid_back: bool, result: str
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    made = buying.create_return(ines, order)
    buying.use_door(customer, made["id"], "deposit")
    give_up(manager, made)
    if is_paid_back:
        buying.complete_refund(customer, order, 4000, made["id"])
    state = buying.read(ines, made)["state"]
    buying.change_work(customer, "collecting", "done", made["id"])
    for _ in range(2):
        buying.check_items(customer, made, {COAT: "good", HAT: result})
    buying.agree_on_refund(customer, made, 0)
    found = buying.read(ines, made)
    assert (found["state"], found["refund"]) == (state, made["price"]), "all is paid back already"
    assert [item["result"] for item in found["items"]] == ["good", result]
    published = customer.published("customer.buying_return.state_changed.v1")[-1]
    assert (
        published["state"],
        published["previous_state"],
        published["is_force_cancelled"],
    ) == (state, state, True)
    versions, times = zip(*_versions_and_times("customer.buying_return.state_changed.v1"), strict=True)
    assert sorted(set(versions)) == list(versions), "each is news after the one before"
    assert sorted(times) == list(times)
    assert [item["result"] for item in published["items"]] == ["good", result]
    assert buying.published_transitions(customer, "buying_return").count((state, state)) == 1
    if not is_paid_back:
        buying.complete_refund(customer, order, 4000, made["id"])
    assert buying.read(ines, made)["state"] == "completed"


def _versions_and_times(event_type: str) -> Iterator[tuple[int, str]]:
    with db.unit_of_work(reads_only=True) as session:
        for row in session.scalars(select(OutboxRow).where(OutboxRow.type == event_type).order_by(OutboxRow.id)):
            yield row.version, json.loads(row.body)["data"]["at"]
