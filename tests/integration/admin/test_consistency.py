"""Work on orders that were cancelled: the job asks customer and calls it off; and orders whose work was lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from libs.chassis import db
from services.admin.registry import registry
from services.admin.work.tables import IncludedOrder, WorkOrder
from tests.integration.admin.support import LOCATION, hire, new_id, the_own
from tests.integration.admin.test_buying_orders import CONTACTS, come_back, contact, handover_all, paid, stop
from tests.support.harness import Harness, user_id
from tests.support.states import PeerStates, compare, reported


def moved(order_id: str, state: str) -> tuple[str, dict[str, Any]]:
    facts = {"order_id": order_id, "buyer_id": user_id("ines"), "state": state, "reason": None}
    return "customer.buying_order.state_changed.v1", facts


def test_work_on_an_order_whose_cancellation_was_lost_is_called_off(admin: Harness) -> None:
    eva = hire(admin, "eva", "employee")
    order_id = new_id("bor")
    paid(admin, order_id)
    states = PeerStates()
    admin.play_peers(states.answer)
    states.know("customer", order_id, moved(order_id, "packing"))
    compare(registry)
    assert the_own(eva, "packing")["state"] == "assigned"
    states.know("customer", order_id, moved(order_id, "cancelled"))
    compare(registry)
    assert the_own(eva, "packing")["state"] == "failed"
    compare(registry, runs=3)
    assert reported() == {}


def test_customer_can_read_the_work_on_an_order(admin: Harness) -> None:
    hire(admin, "eva", "employee")
    order_id, lost = new_id("bor"), new_id("bor")
    for one in (order_id, lost):
        paid(admin, one)
    with db.unit_of_work() as session:
        of_lost = IncludedOrder.order_id == lost
        work_order_id = session.query(IncludedOrder.work_order_id).filter(of_lost).scalar()
        session.execute(delete(IncludedOrder).where(of_lost))
        session.execute(delete(WorkOrder).where(WorkOrder.id == work_order_id))
    customer = admin.as_user("customer", "admin:states", kind="service")
    wanted = {"subjects": [order_id, lost]}
    items = customer("POST", "/admin/v1/state-queries", json=wanted).json()["items"]
    assert [item["knowledge"] for item in items] == ["known", "unknown"]
    [event] = items[0]["events"]
    work = event["data"]
    assert (work["kind"], work["state"], work["location_id"]) == ("packing", "assigned", LOCATION)
    assert [order["order_id"] for order in work["orders"]] == [order_id]


@pytest.mark.parametrize("is_known", [True, False])
def test_customer_can_read_that_the_work_on_an_order_was_called_off(admin: Harness, is_known: bool) -> None:
    hire(admin, "eva", "employee")
    order_id = new_id("bor")
    if is_known:
        paid(admin, order_id)
    assert stop(admin, order_id).status_code == 204
    customer = admin.as_user("customer", "admin:states", kind="service")
    [item] = customer("POST", "/admin/v1/state-queries", json={"subjects": [order_id]}).json()["items"]
    assert (item["knowledge"], [event["type"] for event in item["events"]]) == ("known", ["admin.work.stopped.v1"])
    [told] = admin.published("admin.work.stopped.v1")
    assert item["events"][0]["data"] == told


def test_a_lost_packing_order_is_made_again_when_its_order_is_announced_again(admin: Harness) -> None:
    eva = hire(admin, "eva", "employee")
    order_id = new_id("bor")
    for _ in range(2):  # two events, as customer's job announces the order under a new id
        paid(admin, order_id)
    assert the_own(eva, "packing")["state"] == "assigned"


def test_customer_can_read_what_was_agreed_on_a_return_and_that_it_left(admin: Harness) -> None:
    eva, rui = hire(admin, "eva", "employee"), hire(admin, "rui", "deliveryman")
    decides = admin.as_user("eva", "admin:return-contacts", "internal", roles=["employee"])
    return_id = come_back(admin, eva, rui, "bad")
    customer = admin.as_user("customer", "admin:states", kind="service")

    def described() -> list[dict[str, Any]]:
        answer = customer("POST", "/admin/v1/state-queries", json={"subjects": [return_id]})
        [item] = answer.json()["items"]
        return [event["data"] for event in item["events"] if event["type"] != "admin.work_order.state_changed.v1"]

    assert described() == []
    assert decides("POST", CONTACTS, json=contact(return_id, 100), key=new_id("key")).status_code == 201
    [agreed] = admin.published("admin.return_contact.recorded.v1")
    assert described() == [agreed]
    handover_all(admin, eva)
    [left] = admin.published("admin.handover.recorded.v1")
    assert described() == [agreed, left]
