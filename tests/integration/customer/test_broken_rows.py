"""A row that cannot be read or changed affects no other: lists leave it out, jobs continue and report it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import update

from libs.chassis import db
from libs.chassis.clock import now
from services.customer.buying_orders import lifecycle as buying_orders
from services.customer.buying_orders.jobs import complete_interrupted_placements
from services.customer.buying_orders.tables import BuyingOrder, BuyingOrderTimelineEntry, OrderPlacement
from services.customer.buying_returns import lifecycle as buying_returns
from services.customer.buying_returns.tables import BuyingReturn
from services.customer.donating_orders.tables import DonatingItem
from services.customer.donation_returns.tables import DonationReturn
from tests.integration.customer import buying_support as buying
from tests.integration.customer import donating_support as donating
from tests.integration.customer.buying_support import Send
from tests.integration.customer.conftest import ROSSIO, FakePeers
from tests.integration.customer.test_buying_order_placement import run_later
from tests.support.harness import Harness

OWN = f"{buying.SCOPES} {donating.SCOPE}"
MONITOR = "customer:buying-orders:monitor customer:donating-orders:monitor"


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", OWN)


@pytest.fixture
def staff(customer: Harness) -> Send:
    return customer.as_user("marta", MONITOR, "internal", roles=["manager"])


def read_counter(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"reclothes_{name}_total", labels) or 0


def corrupt(column: Any, key: Any, one: str, value: Any) -> None:
    with db.unit_of_work() as session:
        session.execute(update(column.class_).where(key == one).values({column: value}))


def list_ids(send: Send, path: str) -> list[str]:
    response = send("GET", f"/customer/v1/{path}")
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


@pytest.mark.parametrize(
    ("column", "key", "value"),
    [
        (BuyingOrder.state, BuyingOrder.id, "lost"),
        (BuyingOrder.total_amount, BuyingOrder.id, -1),
        (BuyingOrderTimelineEntry.state, BuyingOrderTimelineEntry.order_id, "lost"),
    ],
)
def test_lists_leave_out_a_broken_buying_order(ines: Send, staff: Send, column: Any, key: Any, value: Any) -> None:
    orders = [buying.place(ines)["id"] for _ in range(3)]
    corrupt(column, key, orders[1], value)
    before = read_counter("rows_omitted", table="buying_orders")
    for send, path in ((ines, "buying-orders"), (staff, "monitored-buying-orders")):
        assert list_ids(send, path) == [orders[2], orders[0]]
    assert read_counter("rows_omitted", table="buying_orders") == before + 2


def test_lists_leave_out_a_broken_return_of_a_purchase(customer: Harness, ines: Send, staff: Send) -> None:
    returns = [buying.create_return(ines, buying.place_and_pick_up(customer, ines))["id"] for _ in range(3)]
    corrupt(BuyingReturn.currency, BuyingReturn.id, returns[1], "?")
    for send, path in ((ines, "buying-returns"), (staff, "monitored-buying-returns")):
        assert list_ids(send, path) == [returns[2], returns[0]]


def test_lists_leave_out_a_broken_donation_and_return(customer: Harness, ines: Send, staff: Send) -> None:
    orders = [donating.create_collected(customer, ines) for _ in range(3)]
    bodies = [{"order_id": order["id"], "location_id": ROSSIO} for order in orders]
    responses = [ines("POST", donating.RETURNS, json=body, key=buying.new_key()) for body in bodies]
    returns = [response.json()["id"] for response in responses]
    corrupt(DonatingItem.condition, DonatingItem.order_id, orders[1]["id"], "eaten")
    corrupt(DonationReturn.state, DonationReturn.id, returns[1], "lost")
    for send, prefix in ((ines, ""), (staff, "monitored-")):
        assert list_ids(send, f"{prefix}donating-orders") == [orders[2]["id"], orders[0]["id"]]
        assert list_ids(send, f"{prefix}donation-returns") == [returns[2], returns[0]]


@pytest.mark.parametrize(
    ("job", "state"),
    [("remind_to_pick_up", "in_box"), ("cancel_not_picked_up", "cancelled"), ("complete_orders", "completed")],
)
def test_jobs_continue_after_a_broken_order_and_report_it(
    customer: Harness, ines: Send, monkeypatch: pytest.MonkeyPatch, job: str, state: str
) -> None:
    steps = buying.TO_PICKED_UP[: None if state == "completed" else -1]
    orders = [buying.place(ines) for _ in range(3)]
    for order in orders:
        buying.advance(customer, order, *steps)
    corrupt(BuyingOrder.pickup_location_name, BuyingOrder.id, orders[0]["id"], "x" * 121)  # no event takes that
    before = read_counter("job_items_failed", job=job)
    buying.run_jobs_later(7 if state == "in_box" else 16)
    assert read_counter("job_items_failed", job=job) > before
    assert [buying.read(ines, order)["state"] for order in orders[1:]] == [state, state]
    reminded = {event["order_id"] for event in customer.published("customer.buying_order.pick_up_due.v1")}
    assert state == "completed" or reminded == {order["id"] for order in orders[1:]}


def test_an_interrupted_order_that_cannot_be_placed_blocks_no_other(
    customer: Harness, ines: Send, peers: FakePeers
) -> None:
    orders = [buying.place(ines) for _ in range(2)]
    ids = [order["id"].replace("bor_", "bor_0")[:36] for order in orders]
    for order_id in ids:
        peers.holds[order_id] = peers.holds[orders[0]["id"]] | {"order_id": order_id}
        with db.unit_of_work() as session:
            data = {"pickup_location_id": orders[0]["pickup_location"]["id"], "pickup_time_zone": "Europe/Lisbon"}
            data |= {"pickup_location_name": "Rossio", "buyer_id": orders[0]["buyer_id"]}
            session.add(OrderPlacement(order_id=order_id, started_at=now(), **data))
    del peers.holds[ids[0]]["items"]
    before = read_counter("job_items_failed", job="complete_interrupted_placements")
    run_later(9, complete_interrupted_placements)
    assert read_counter("job_items_failed", job="complete_interrupted_placements") == before + 1
    assert ids[1] in list_ids(ines, "buying-orders")


@pytest.mark.parametrize("kind", ["return expires", "order is complete"])
def test_an_order_or_return_that_cannot_end_blocks_no_other(
    customer: Harness, ines: Send, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    module, name = (buying_returns, "apply_event") if kind == "return expires" else (buying_orders, "complete")
    subjects = [buying.place_and_pick_up(customer, ines) for _ in range(3)]
    if kind == "return expires":
        subjects = [buying.create_return(ines, order) for order in subjects]
    act: Callable[..., None] = getattr(module, name)

    def fail_once(subject: Any, *arguments: Any) -> None:
        if subjects[0]["id"] in (subject, getattr(subject, "id", None)):
            raise RuntimeError
        act(subject, *arguments)

    monkeypatch.setattr(module, name, fail_once)
    before = buying.read(ines, subjects[0])["state"]
    buying.run_jobs_later(40)
    ended = "expired" if kind == "return expires" else "completed"
    assert [buying.read(ines, subject)["state"] for subject in subjects] == [before, ended, ended]
