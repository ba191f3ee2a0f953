"""A buying order after it was placed: paid, packed, shipped, picked up, cancelled (stories b-*, rb-c-01)."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from libs.chassis.clock import rfc3339
from libs.chassis.deadlines import end_of_day
from tests.integration.customer import buying_support as buying
from tests.integration.customer.buying_support import (
    COAT,
    HAT,
    ORDERS,
    SCOPES,
    TO_PICKED_UP,
    Send,
    advance,
    place,
    problem_of,
)
from tests.integration.customer.conftest import ROSSIO, TIME_ZONE, FakePeers
from tests.support.harness import Harness
from tests.support.order_lifecycle import ORDER_PATH


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.mark.story("b-bu-02")
def test_a_review_has_price_location_and_unavailable_products(ines: Send, peers: FakePeers) -> None:
    path = "/customer/v1/buying-order-reviews"
    body = {"product_ids": [COAT, HAT], "pickup_location_id": ROSSIO, "payment_method": "coins"}
    review = ines("POST", path, json=body).json()
    assert (review["total"]["amount"], review["can_be_placed"]) == (4000, True)
    assert (review["pickup_location"]["name"], review["payment_method"]) == ("Rossio", "coins")
    peers.unavailable_products = [HAT]
    review = ines("POST", path, json=body).json()
    assert (review["total"]["amount"], review["can_be_placed"]) == (2000, False)
    assert review["unavailable_product_ids"] == [HAT]
    assert problem_of(ines("POST", path, json=body | {"pickup_location_id": "loc_" + "9" * 32})) == (
        422,
        "unknown-location",
    )
    assert ines("GET", ORDERS).json()["items"] == []


@pytest.mark.story("b-bu-02")
def test_a_review_is_in_the_currency_of_its_prices(
    ines: Send, peers: FakePeers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services see a change of the currency at different times."""
    monkeypatch.setattr("services.customer.buying_orders.api.setting", {"billing.currency": "USD"}.__getitem__)
    body = {"product_ids": [COAT], "pickup_location_id": ROSSIO, "payment_method": "coins"}
    review = ines("POST", "/customer/v1/buying-order-reviews", json=body).json()
    assert review["total"] == {"amount": 2000, "currency": "EUR"}
    peers.unavailable_products = [COAT]
    review = ines("POST", "/customer/v1/buying-order-reviews", json=body).json()
    assert review["total"] == {"amount": 0, "currency": "USD"}


def test_each_transition_of_an_order_is_published_once(customer: Harness, ines: Send) -> None:
    order = place(ines)
    for step in TO_PICKED_UP:
        advance(customer, order, step, step)
    assert buying.timeline_states(ines, order) == list(ORDER_PATH[:-1])
    assert buying.published_transitions(customer, "buying_order") == list(pairwise(ORDER_PATH[1:-1]))
    last = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (last["is_first"], last["product_ids"]) == (True, [COAT, HAT])
    picked_up_at = datetime.fromisoformat(last["at"])
    assert last["time_zone"] == TIME_ZONE
    assert last["return_until"] == rfc3339(end_of_day(picked_up_at, 14, TIME_ZONE))
    assert last["return_until"] == buying.read(ines, order)["return_until"]


def test_early_events_are_retried(customer: Harness, ines: Send) -> None:
    order = place(ines)
    for step in TO_PICKED_UP[1:]:
        with pytest.raises(LookupError):
            advance(customer, order, step)
    assert buying.timeline_states(ines, order) == ["placed"]
    advance(customer, order, "pay", "packed")  # the event of the start of packing was overtaken
    assert buying.timeline_states(ines, order) == ["placed", "paid", "packing", "packed"]


@pytest.mark.real_servers
def test_only_one_purchase_is_the_first(customer: Harness, ines: Send) -> None:
    for _ in range(2):
        buying.place_and_pick_up(customer, ines, COAT)
    events = customer.published("customer.buying_order.state_changed.v1")
    assert [event["is_first"] for event in events if event["state"] == "picked_up"] == [True, False]


def test_an_order_is_completed_after_its_return_window(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying.run_jobs_later(after_days=13)
    assert buying.read(ines, order)["state"] == "picked_up"
    for _ in range(2):
        buying.run_jobs_later(after_days=15)
    assert buying.read(ines, order)["state"] == "completed"
    complete = [
        m for m in customer.published("customer.buying_order.state_changed.v1") if m["state"] == "completed"
    ]
    assert [event["product_ids"] for event in complete] == [[COAT, HAT]]


@pytest.mark.story("rb-c-01")
def test_cancelling_an_unpaid_order_releases_its_hold(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = place(ines)
    path = f"{ORDERS}/{order['id']}/cancellation"
    assert ines("POST", path).json()["state"] == "cancelled"
    assert ines("POST", path).json()["state"] == "cancelled"
    requests = [(method, path) for method, path, _ in peers.requests if "/holds/" in path]
    assert requests == [("DELETE", f"/shopping/v1/holds/{order['id']}")]
    buying.release_hold(customer, order, "cancelled")
    assert buying.published_transitions(customer, "buying_order") == [("placed", "cancelled")]
    [event] = customer.published("customer.buying_order.state_changed.v1")
    assert event["payment_id"] is None


def test_an_order_whose_payment_cannot_be_captured_is_cancelled(customer: Harness, ines: Send) -> None:
    order = place(ines)
    data = {"payment_id": f"pay_{'5' * 32}", "order_id": order["id"], "buyer_id": order["buyer_id"]}
    for reason_code in ("order_ended", "sale_not_paid"):
        assert buying.read(ines, order)["state"] == "placed"
        voided = data | {"reason": "any text", "reason_code": reason_code, "method": "card"}
        customer.deliver("billing.payment.voided.v1", voided)
    assert buying.read(ines, order)["state"] == "cancelled"


def test_an_interrupted_cancellation_is_completed_by_the_events_it_caused(customer: Harness, ines: Send) -> None:
    unpaid, paid = place(ines, COAT), place(ines, HAT)
    buying.release_hold(customer, unpaid, "cancelled")
    advance(customer, paid, "pay", "pack")
    buying.stop_work(customer, paid["id"])
    buying.stop_work(customer, paid["id"])
    assert buying.timeline_states(ines, unpaid) == ["placed", "cancelled"]
    assert buying.timeline_states(ines, paid) == ["placed", "paid", "packing", "cancelled"]


@pytest.mark.story("rb-c-01")
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_cancelling_a_paid_order_stops_its_work_first(
    customer: Harness, ines: Send, peers: FakePeers, steps: int
) -> None:
    order = place(ines)
    advance(customer, order, *TO_PICKED_UP[:steps])
    cancelled = ines("POST", f"{ORDERS}/{order['id']}/cancellation").json()
    assert cancelled["state"] == "cancelled"
    assert ("POST", "/admin/v1/work-stops", {"order_id": order["id"]}) in peers.requests
    event = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (event["state"], event["payment_id"]) == ("cancelled", buying.payment_id_of(order))
    advance(customer, order, *TO_PICKED_UP)  # stale events
    assert buying.read(ines, order)["state"] == "cancelled"
    for _ in range(2):
        buying.complete_refund(customer, order, 4000, refund_id="rfd_" + "7" * 32)
    [refund] = buying.read(ines, order)["refunds"]
    assert (refund["amount"]["amount"], refund["return_id"]) == (4000, None)


def test_a_shipped_order_cannot_be_cancelled(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = place(ines)
    advance(customer, order, *TO_PICKED_UP[:4])
    peers.requests.clear()
    before = buying.read(ines, order)
    assert problem_of(ines("POST", f"{ORDERS}/{order['id']}/cancellation")) == (409, "illegal-transition")
    assert buying.read(ines, order) == before
    assert peers.requests == []


def test_a_cancellation_that_another_service_refuses_changes_nothing(
    customer: Harness, ines: Send, peers: FakePeers
) -> None:
    unpaid, packed = place(ines, COAT), place(ines, HAT)
    advance(customer, packed, "pay", "pack", "packed")
    peers.is_hold_sold = peers.is_shipping = True
    assert problem_of(ines("POST", f"{ORDERS}/{unpaid['id']}/cancellation")) == (409, "payment-in-progress")
    assert problem_of(ines("POST", f"{ORDERS}/{packed['id']}/cancellation")) == (409, "shipping-began")
    peers.is_hold_sold = peers.is_shipping = False
    peers.unavailable = {"shopping", "admin"}
    for order in (unpaid, packed):
        assert ines("POST", f"{ORDERS}/{order['id']}/cancellation").status_code == 503
    assert (buying.timeline_states(ines, unpaid)[-1], buying.timeline_states(ines, packed)[-1]) == (
        "placed",
        "packed",
    )


def test_an_order_cannot_be_cancelled_by_another_buyer(customer: Harness, ines: Send) -> None:
    order = place(ines)
    rui = customer.as_user("rui", SCOPES)
    assert rui("POST", f"{ORDERS}/{order['id']}/cancellation").status_code == 404
    assert buying.read(ines, order)["state"] == "placed"
