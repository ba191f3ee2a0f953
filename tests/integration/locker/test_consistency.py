"""Compare held boxes and deposits with customer and admin, and repair what an event that was lost left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from libs.chassis import db
from libs.chassis.tables import InboxRow
from services.locker.registry import registry
from tests.integration.locker.support import Site, create_site, deliver_order_paid, hold_box, make_deposit, new_id
from tests.support.harness import Harness, user_id
from tests.support.states import PeerStates, attempted, compare, reported

COLLECTION_REQUESTED = "locker.location.threshold_reached.v1"


@pytest.fixture
def states(locker: Harness) -> PeerStates:
    peers = PeerStates()
    locker.play_peers(peers.respond)
    return peers


def donation(order_id: str, state: str, previous_state: str | None = "submitted") -> tuple[str, dict[str, Any]]:
    data = {"order_id": order_id, "donor_id": user_id("ines"), "state": state, "previous_state": previous_state}
    return "customer.donating_order.state_changed.v1", data


def purchase(order_id: str, state: str) -> tuple[str, dict[str, Any]]:
    data = {"order_id": order_id, "buyer_id": user_id("ines"), "state": state}
    return "customer.buying_order.state_changed.v1", data


def collecting(state: str) -> tuple[str, dict[str, Any]]:
    return "admin.work_order.state_changed.v1", {"kind": "collecting", "state": state}


def test_the_box_of_a_cancelled_donation_is_released(locker: Harness, site: Site, states: PeerStates) -> None:
    (cancelled, response), (waiting, other_response) = hold_box(locker, site), hold_box(locker, site, "rui")
    states.know("customer", cancelled, donation(cancelled, "cancelled"))
    states.know("customer", waiting, donation(waiting, "submitted", "draft"))
    compare(registry)
    boxes = site.states_by_box()
    assert boxes[response.json()["box_id"]] == "free"
    assert boxes[other_response.json()["box_id"]] == "held"
    compare(registry, runs=3)
    assert reported() == {}


@pytest.mark.parametrize("prefix", ["dor", "rbo"])
def test_the_box_of_an_unknown_order_is_released(
    locker: Harness, site: Site, states: PeerStates, prefix: str
) -> None:
    hold_box(locker, site, order_id=new_id(prefix))
    compare(registry)
    assert set(site.box_states()) == {"free"}
    assert states.queries


def test_the_box_of_a_cancelled_purchase_is_released(locker: Harness, site: Site, states: PeerStates) -> None:
    order_id = new_id("bor")
    deliver_order_paid(locker, site, order_id)
    [event] = locker.published("locker.box.held.v1")
    states.know("customer", order_id, purchase(order_id, "packing"))
    compare(registry)
    assert site.states_by_box()[event["box_id"]] == "held"
    states.know("customer", order_id, purchase(order_id, "cancelled"))
    compare(registry)
    assert site.states_by_box()[event["box_id"]] == "free"


def test_a_new_hold_is_not_compared(locker: Harness, site: Site, states: PeerStates) -> None:
    hold_box(locker, site)
    compare(registry, after=timedelta())
    assert (states.queries, attempted()) == ([], set())


def test_a_collection_that_admin_has_not_received_is_requested_again(locker: Harness, states: PeerStates) -> None:
    site = create_site(locker, threshold=2)
    orders = [make_deposit(locker, site, donor)[0] for donor in ("ines", "rui")]
    [first] = locker.published(COLLECTION_REQUESTED)
    compare(registry)
    assert locker.published(COLLECTION_REQUESTED) == [first, first]
    for order_id in orders:
        states.know("admin", order_id, collecting("assigned"))
    compare(registry, runs=3)
    assert locker.published(COLLECTION_REQUESTED) == [first, first]
    assert reported() == {}


@pytest.mark.parametrize("work_order_states", [[], ["failed"], ["done"]])
def test_a_deposit_without_an_unfinished_work_order_is_requested_again_and_reported(
    locker: Harness, states: PeerStates, work_order_states: list[str]
) -> None:
    order_id, _ = make_deposit(locker, create_site(locker, threshold=1))
    states.know("admin", order_id, *map(collecting, work_order_states))
    compare(registry)
    assert len(locker.published(COLLECTION_REQUESTED)) == 2
    compare(registry, runs=2)
    assert list(reported()) == [("deposit_without_collection", order_id)]


def test_customer_can_query_for_which_purposes_the_doors_of_an_order_were_used(locker: Harness, site: Site) -> None:
    order_id, box_id = make_deposit(locker, site)
    waiting, _ = hold_box(locker, site, "rui")
    unknown = new_id("dor")
    with db.unit_of_work() as session:
        session.execute(delete(InboxRow))
    customer = locker.as_user("customer", "locker:states", kind="service")
    body = {"subjects": [order_id, waiting, unknown]}
    items = customer("POST", "/locker/v1/state-queries", json=body).json()["items"]
    assert [item["knowledge"] for item in items] == ["known", "known", "unknown"]
    [event] = items[0]["events"]
    assert event["data"] == locker.published("locker.door.used.v1")[0]
    assert (event["data"]["purpose"], event["data"]["box_id"]) == ("deposit", box_id)
    assert items[1]["events"] == []
