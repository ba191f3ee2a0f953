"""Boxes held for orders that have ended, or that nobody knows: the job asks customer and frees them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from libs.chassis import clock, db
from libs.chassis.tables import InboxRow
from services.locker.registry import registry
from tests.integration.locker.support import Place, deposit, hold, make_place, new_id, paid
from tests.support.harness import Harness, user_id
from tests.support.states import PeerStates, attempted, compare, reported


@pytest.fixture
def states(empty_locker: Harness) -> PeerStates:
    played = PeerStates()
    empty_locker.play_peers(played.answer)
    return played


def donation(order_id: str, state: str, before: str | None = "submitted") -> tuple[str, dict[str, Any]]:
    facts = {"order_id": order_id, "donor_id": user_id("ines"), "state": state, "previous_state": before}
    return "customer.donating_order.state_changed.v1", facts


def purchase(order_id: str, state: str) -> tuple[str, dict[str, Any]]:
    return "customer.buying_order.state_changed.v1", {
        "order_id": order_id,
        "buyer_id": user_id("ines"),
        "state": state,
    }


def collecting(state: str) -> tuple[str, dict[str, Any]]:
    return "admin.work_order.state_changed.v1", {"kind": "collecting", "state": state}


def box_of(answer: Any) -> str:
    return str(answer.json()["box_id"])


def test_the_box_of_a_cancelled_donation_is_free_again(
    empty_locker: Harness, place: Place, states: PeerStates
) -> None:
    (cancelled, held), (waiting, kept) = hold(empty_locker, place), hold(empty_locker, place, "rui")
    states.know("customer", cancelled, donation(cancelled, "cancelled"))
    states.know("customer", waiting, donation(waiting, "submitted", "draft"))
    compare(registry)
    assert (place.state_of(box_of(held)), place.state_of(box_of(kept))) == ("free", "held")
    compare(registry, runs=3)
    assert reported() == {}


@pytest.mark.parametrize("prefix", ["dor", "rbo"])
def test_the_box_of_an_order_that_nobody_knows_is_free_again(
    empty_locker: Harness, place: Place, states: PeerStates, prefix: str
) -> None:
    _, held = hold(empty_locker, place, order_id=new_id(prefix))
    compare(registry)
    assert place.state_of(box_of(held)) == "free"
    assert states.queries


def test_the_box_of_a_cancelled_purchase_is_free_again(
    empty_locker: Harness, place: Place, states: PeerStates
) -> None:
    order_id = new_id("bor")
    paid(empty_locker, place, order_id)
    [event] = empty_locker.published("locker.box.held.v1")
    states.know("customer", order_id, purchase(order_id, "packing"))
    compare(registry)
    assert place.state_of(event["box_id"]) == "held"
    states.know("customer", order_id, purchase(order_id, "cancelled"))
    compare(registry)
    assert place.state_of(event["box_id"]) == "free"


def test_a_new_hold_is_not_asked_about(empty_locker: Harness, place: Place, states: PeerStates) -> None:
    hold(empty_locker, place)
    compare(registry, after=clock.now() - clock.now())
    assert (states.queries, attempted()) == ([], set())


def test_a_collection_that_admin_has_not_received_is_requested_again(
    empty_locker: Harness, states: PeerStates
) -> None:
    busy = make_place(empty_locker, threshold=2)
    orders = [deposit(empty_locker, busy, donor)[0] for donor in ("ines", "rui")]
    requested = "locker.location.threshold_reached.v1"
    [first] = empty_locker.published(requested)
    compare(registry)
    assert empty_locker.published(requested) == [first, first]
    for order_id in orders:
        states.know("admin", order_id, collecting("assigned"))
    compare(registry, runs=3)
    assert empty_locker.published(requested) == [first, first]
    assert reported() == {}


@pytest.mark.parametrize("states_of_work", [[], ["failed"], ["done"]])
def test_a_deposit_that_no_work_collects_any_more_is_requested_again_and_reported(
    empty_locker: Harness, states: PeerStates, states_of_work: list[str]
) -> None:
    order_id, _ = deposit(empty_locker, make_place(empty_locker, threshold=1))
    states.know("admin", order_id, *map(collecting, states_of_work))
    compare(registry)
    assert len(empty_locker.published("locker.location.threshold_reached.v1")) == 2
    compare(registry, runs=2)
    assert list(reported()) == [("deposit_without_collection", order_id)]


def test_customer_can_read_for_what_the_doors_of_an_order_were_used(empty_locker: Harness, place: Place) -> None:
    order_id, box_id = deposit(empty_locker, place)
    waiting, _ = hold(empty_locker, place, "rui")
    unknown = new_id("dor")
    with db.unit_of_work() as session:
        session.execute(delete(InboxRow))
    customer = empty_locker.as_user("customer", "locker:states", kind="service")
    wanted = {"subjects": [order_id, waiting, unknown]}
    items = customer("POST", "/locker/v1/state-queries", json=wanted).json()["items"]
    assert [item["knowledge"] for item in items] == ["known", "known", "unknown"]
    [event] = items[0]["events"]
    assert event["data"] == empty_locker.published("locker.door.used.v1")[0]
    assert (event["data"]["purpose"], event["data"]["box_id"]) == ("deposit", box_id)
    assert items[1]["events"] == []
