"""Consistency with customer: stop the work on cancelled orders, and describe the work on an order."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from libs.chassis import db
from services.admin.registry import registry
from services.admin.work.tables import IncludedOrder, WorkOrder
from tests.integration.admin.support import (
    CONTACTS,
    LOCATION,
    Send,
    build_contact,
    check_return,
    get_own,
    hand_over,
    hire,
    new_id,
    publish_paid_order,
    stop_work,
)
from tests.support.harness import Harness, user_id
from tests.support.states import PeerStates, compare, reported


def order_event(order_id: str, state: str) -> tuple[str, dict[str, Any]]:
    data = {"order_id": order_id, "buyer_id": user_id("ines"), "state": state, "reason": None}
    return "customer.buying_order.state_changed.v1", data


def test_work_stops_although_the_cancellation_event_was_lost(admin: Harness, eva: Send) -> None:
    order_id = new_id("bor")
    publish_paid_order(admin, order_id)
    states = PeerStates()
    admin.play_peers(states.respond)
    states.know("customer", order_id, order_event(order_id, "packing"))
    compare(registry)
    assert get_own(eva, "packing")["state"] == "assigned"
    states.know("customer", order_id, order_event(order_id, "cancelled"))
    compare(registry)
    assert get_own(eva, "packing")["state"] == "failed"
    compare(registry, runs=3)
    assert reported() == {}


def test_customer_can_read_the_work_on_an_order(admin: Harness) -> None:
    hire(admin, "eva", "employee")
    order_id, lost = new_id("bor"), new_id("bor")
    publish_paid_order(admin, order_id)
    publish_paid_order(admin, lost)
    with db.unit_of_work() as session:
        is_lost = IncludedOrder.order_id == lost
        work_order_id = session.query(IncludedOrder.work_order_id).filter(is_lost).scalar()
        session.execute(delete(IncludedOrder).where(is_lost))
        session.execute(delete(WorkOrder).where(WorkOrder.id == work_order_id))
    customer = admin.as_user("customer", "admin:states", kind="service")
    body = {"subjects": [order_id, lost]}
    items = customer("POST", "/admin/v1/state-queries", json=body).json()["items"]
    assert [item["knowledge"] for item in items] == ["known", "unknown"]
    [event] = items[0]["events"]
    work = event["data"]
    assert (work["kind"], work["state"], work["location_id"]) == ("packing", "assigned", LOCATION)
    assert [order["order_id"] for order in work["orders"]] == [order_id]


@pytest.mark.parametrize("is_packed", [True, False])
def test_customer_can_read_that_the_work_on_an_order_was_stopped(admin: Harness, is_packed: bool) -> None:
    hire(admin, "eva", "employee")
    order_id = new_id("bor")
    if is_packed:
        publish_paid_order(admin, order_id)
    assert stop_work(admin, order_id).status_code == 204
    customer = admin.as_user("customer", "admin:states", kind="service")
    [item] = customer("POST", "/admin/v1/state-queries", json={"subjects": [order_id]}).json()["items"]
    assert (item["knowledge"], [event["type"] for event in item["events"]]) == ("known", ["admin.work.stopped.v1"])
    [event] = admin.published("admin.work.stopped.v1")
    assert item["events"][0]["data"] == event


def test_an_order_that_is_published_again_keeps_its_packing_order(admin: Harness, eva: Send) -> None:
    order_id = new_id("bor")
    for _ in range(2):  # two events with different ids
        publish_paid_order(admin, order_id)
    assert get_own(eva, "packing")["state"] == "assigned"


def test_customer_can_read_what_was_agreed_on_a_return_and_that_it_was_handed_over(
    admin: Harness, rui: Send, eva: Send
) -> None:
    decider = admin.as_user("eva", "admin:return-contacts", "internal", roles=["employee"])
    return_id = check_return(admin, rui, eva, "bad")
    customer = admin.as_user("customer", "admin:states", kind="service")

    def decisions() -> list[dict[str, Any]]:
        response = customer("POST", "/admin/v1/state-queries", json={"subjects": [return_id]})
        [item] = response.json()["items"]
        return [event["data"] for event in item["events"] if event["type"] != "admin.work_order.state_changed.v1"]

    assert decisions() == []
    assert decider("POST", CONTACTS, json=build_contact(return_id, 100), key=new_id("key")).status_code == 201
    [agreement] = admin.published("admin.return_contact.recorded.v1")
    assert decisions() == [agreement]
    hand_over(admin, eva)
    [handover] = admin.published("admin.handover.recorded.v1")
    assert decisions() == [agreement, handover]
