"""A row that cannot be shown or moved affects no other: lists leave it out, jobs continue and report it."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY
from services.customer.models import (
    BuyingOrder,
    DonatingItem,
    OrderAttempt,
    OrderTimelineEntry,
    ReturnBuyingOrder,
    ReturnDonatingOrder,
)
from sqlalchemy import update

from libs.chassis import db
from libs.chassis.clock import now
from services.customer import events as customer_events
from tests.integration.customer import buying, test_donating
from tests.integration.customer.buying import Ask
from tests.integration.customer.conftest import ROSSIO, Neighbours
from tests.integration.customer.test_customer import later
from tests.support.harness import Harness

OWN = f"{buying.SCOPES} {test_donating.SCOPE}"
MONITOR = "customer:buying-orders:monitor customer:donating-orders:monitor"


@pytest.fixture
def ines(customer: Harness, neighbours: Neighbours) -> Ask:
    return customer.as_user("ines", OWN)


@pytest.fixture
def staff(customer: Harness) -> Ask:
    return customer.as_user("marta", MONITOR, "internal", roles=["manager"])


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"reclothes_{name}_total", labels) or 0


def spoil(column: Any, key: Any, one: str, value: Any) -> None:
    with db.unit_of_work() as session:
        session.execute(update(column.class_).where(key == one).values({column: value}))


def listed(ask: Ask, path: str) -> list[str]:
    answer = ask("GET", f"/customer/v1/{path}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("column", "key", "value"),
    [
        (BuyingOrder.state, BuyingOrder.id, "lost"),
        (BuyingOrder.total_amount, BuyingOrder.id, -1),
        (OrderTimelineEntry.state, OrderTimelineEntry.order_id, "lost"),
    ],
)
def test_lists_leave_out_a_broken_buying_order(ines: Ask, staff: Ask, column: Any, key: Any, value: Any) -> None:
    orders = [buying.place(ines)["id"] for _ in range(3)]
    spoil(column, key, orders[1], value)
    before = counted("rows_omitted", table="buying_orders")
    for ask, path in ((ines, "buying-orders"), (staff, "monitored-buying-orders")):
        assert listed(ask, path) == [orders[2], orders[0]]
    assert counted("rows_omitted", table="buying_orders") == before + 2


def test_lists_leave_out_a_broken_return_of_a_purchase(customer: Harness, ines: Ask, staff: Ask) -> None:
    returns = [buying.begun(ines, buying.picked_up(customer, ines))["id"] for _ in range(3)]
    spoil(ReturnBuyingOrder.currency, ReturnBuyingOrder.id, returns[1], "?")
    for ask, path in ((ines, "buying-returns"), (staff, "monitored-buying-returns")):
        assert listed(ask, path) == [returns[2], returns[0]]


def test_lists_leave_out_a_broken_donation_and_return(customer: Harness, ines: Ask, staff: Ask) -> None:
    orders = [test_donating.collected(customer, ines) for _ in range(3)]
    wanted = [{"order_id": order["id"], "location_id": ROSSIO} for order in orders]
    made = [ines("POST", test_donating.RETURNS, json=body, key=buying.key()) for body in wanted]
    returns = [answer.json()["id"] for answer in made]
    spoil(DonatingItem.condition, DonatingItem.order_id, orders[1]["id"], "eaten")
    spoil(ReturnDonatingOrder.state, ReturnDonatingOrder.id, returns[1], "lost")
    for ask, prefix in ((ines, ""), (staff, "monitored-")):
        assert listed(ask, f"{prefix}donating-orders") == [orders[2]["id"], orders[0]["id"]]
        assert listed(ask, f"{prefix}donation-returns") == [returns[2], returns[0]]


@pytest.mark.parametrize(
    ("job", "state"),
    [("remind_of_pick_ups", "in_box"), ("end_pick_ups", "cancelled"), ("complete_orders", "completed")],
)
def test_jobs_continue_after_a_broken_order_and_report_it(
    customer: Harness, ines: Ask, monkeypatch: pytest.MonkeyPatch, job: str, state: str
) -> None:
    steps = buying.TO_PICKED_UP[: None if state == "completed" else -1]
    orders = [buying.place(ines) for _ in range(3)]
    for order in orders:
        buying.go(customer, order, *steps)
    spoil(BuyingOrder.pickup_location_name, BuyingOrder.id, orders[0]["id"], "x" * 121)  # no event takes that
    before = counted("job_items_failed", job=job)
    buying.meet_deadlines(7 if state == "in_box" else 16)
    assert counted("job_items_failed", job=job) > before
    assert [buying.read(ines, order)["state"] for order in orders[1:]] == [state, state]
    reminded = {event["order_id"] for event in customer.published("customer.buying_order.pick_up_due.v1")}
    assert state == "completed" or reminded == {order["id"] for order in orders[1:]}


def test_an_interrupted_order_that_cannot_be_placed_blocks_no_other(
    customer: Harness, ines: Ask, neighbours: Neighbours
) -> None:
    orders = [buying.place(ines) for _ in range(2)]
    ids = [order["id"].replace("bor_", "bor_0")[:36] for order in orders]
    for order_id in ids:
        neighbours.holds[order_id] = neighbours.holds[orders[0]["id"]] | {"order_id": order_id}
        with db.unit_of_work() as session:
            facts = {"pickup_location_id": orders[0]["pickup_location"]["id"], "pickup_time_zone": "Europe/Lisbon"}
            facts |= {"pickup_location_name": "Rossio", "buyer_id": orders[0]["buyer_id"]}
            session.add(OrderAttempt(order_id=order_id, begun_at=now(), **facts))
    del neighbours.holds[ids[0]]["items"]
    before = counted("job_items_failed", job="complete_interrupted_orders")
    later(9, customer_events.complete_interrupted_orders)
    assert counted("job_items_failed", job="complete_interrupted_orders") == before + 1
    assert ids[1] in listed(ines, "buying-orders")
