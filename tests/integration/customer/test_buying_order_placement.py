"""Placing buying orders: held products, interrupted requests, and the payment or the end of the hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from libs.chassis import clock, db, idempotency
from libs.chassis.clock import now
from libs.chassis.money import Money
from services.customer.buying_orders import jobs, lifecycle, placements
from services.customer.buying_orders.jobs import complete_interrupted_placements
from services.customer.buying_orders.queries import buying_orders
from services.customer.service_clients import HeldItem, Location
from tests.integration.customer.buying_support import (
    COAT,
    HAT,
    ORDERS,
    SCOPES,
    Send,
    pay,
    payment_id_of,
    problem_of,
    release_hold,
)
from tests.integration.customer.conftest import ROSSIO, TIME_ZONE, FakePeers
from tests.support.harness import Harness, user_id

NEW_ORDER = {"product_ids": [COAT, HAT], "pickup_location_id": ROSSIO}


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


def place(send: Send, key: str = "order-key-1") -> dict[str, Any]:
    response = send("POST", ORDERS, json=NEW_ORDER, key=key)
    assert response.status_code == 201, response.text
    order: dict[str, Any] = response.json()
    return order


def test_a_placed_order_has_prices_location_and_expiry(customer: Harness, ines: Send) -> None:
    order = place(ines)
    assert order["state"] == "placed"
    assert order["total"] == {"amount": 4000, "currency": "EUR"}
    assert order["pickup_location"] == {"id": ROSSIO, "name": "Rossio", "time_zone": TIME_ZONE}
    assert [item["product_id"] for item in order["items"]] == [COAT, HAT]
    assert ines("GET", f"{ORDERS}/{order['id']}").json() == order
    [event] = customer.published("customer.buying_order.placed.v1")
    assert event["product_ids"] == [COAT, HAT]


def test_a_repeated_request_gets_the_first_response(customer: Harness, ines: Send) -> None:
    assert place(ines) == place(ines)
    assert len(customer.published("customer.buying_order.placed.v1")) == 1
    other = {"product_ids": [HAT], "pickup_location_id": ROSSIO}
    reused = ines("POST", ORDERS, json=other, key="order-key-1")
    assert problem_of(reused) == (422, "idempotency-key-reused")


@pytest.fixture
def interrupted(ines: Send, peers: FakePeers, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an order whose process died after shopping had held its products, before it was stored."""

    def die(*_: Any) -> None:
        raise RuntimeError("the process dies here")

    peers.are_products_unique = True
    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "place", die)
        patch.setattr(idempotency, "release", lambda _claim: None)  # a dead process releases nothing
        assert ines("POST", ORDERS, json=NEW_ORDER, key="order-key-1").status_code == 500
    [order_id] = peers.holds
    return order_id


@pytest.mark.real_servers
def test_the_key_of_an_interrupted_request_is_free_after_retry_after(
    ines: Send, peers: FakePeers, interrupted: str
) -> None:
    waiting = ines("POST", ORDERS, json=NEW_ORDER, key="order-key-1")
    assert problem_of(waiting) == (409, "request-in-progress")
    seconds = int(waiting.headers["Retry-After"])
    assert 1 <= seconds <= 5
    run_later(seconds, lambda: place(ines))
    held = [body["order_id"] for _, path, body in peers.requests if path == "/shopping/v1/holds"]
    assert held == [interrupted] * 2


def test_an_incomplete_hold_that_shopping_refuses_places_no_order(
    ines: Send, peers: FakePeers, interrupted: str
) -> None:
    peers.unavailable_products = [HAT]
    run_later(9, complete_interrupted_placements)
    assert ines("GET", ORDERS).json()["items"] == []


@pytest.mark.real_servers
def test_the_order_of_an_interrupted_request_is_placed_within_seconds(
    customer: Harness, ines: Send, interrupted: str
) -> None:
    complete_interrupted_placements()  # a request that is still running is left alone
    assert ines("GET", ORDERS).json()["items"] == []
    for _ in range(2):
        run_later(9, complete_interrupted_placements)
    refused = ines("POST", ORDERS, json=NEW_ORDER, key="order-key-2")
    assert refused.json()["detail"].startswith(f"Your own order {interrupted} holds it")
    order = ines("GET", f"{ORDERS}/{interrupted}").json()
    assert (order["state"], order["pickup_location"]["name"]) == ("placed", "Rossio")
    assert run_later(9, lambda: place(ines))["id"] == interrupted
    assert len(customer.published("customer.buying_order.placed.v1")) == 1


def test_a_new_key_finds_the_order_of_an_interrupted_request(ines: Send, interrupted: str) -> None:
    refused = run_later(9, lambda: ines("POST", ORDERS, json=NEW_ORDER, key="order-key-2"))
    assert refused.json()["detail"].startswith(f"Your own order {interrupted} holds it")
    assert ines("GET", f"{ORDERS}/{interrupted}").json()["state"] == "placed"


def test_a_refused_request_does_not_complete_one_that_is_still_running(
    ines: Send, peers: FakePeers, interrupted: str
) -> None:
    peers.requests.clear()
    assert ines("POST", ORDERS, json=NEW_ORDER, key="order-key-2").status_code == 409
    assert "/shopping/v1/holds/" + interrupted not in [path for _, path, _ in peers.requests]
    assert ines("GET", f"{ORDERS}/{interrupted}").status_code == 404, "its own request places it"
    run_later(9, complete_interrupted_placements)
    assert ines("GET", f"{ORDERS}/{interrupted}").json()["state"] == "placed", "its placement is still stored"


def test_a_refused_request_completes_a_limited_number_of_interrupted_ones(
    ines: Send, peers: FakePeers, interrupted: str
) -> None:
    location = Location(ROSSIO, "Rossio", TIME_ZONE)
    for number in range(5):
        with db.unit_of_work():
            placements.start(f"bor_{number:032}", user_id("ines"), location)
    peers.requests.clear()
    assert run_later(9, lambda: ines("POST", ORDERS, json=NEW_ORDER, key="order-key-2")).status_code == 409
    looked_up = [
        path for method, path, _ in peers.requests if (method, path[:19]) == ("GET", "/shopping/v1/holds/")
    ]
    assert len(looked_up) == jobs.BATCH_SIZE_IN_REQUEST


@pytest.mark.real_servers
def test_placing_returns_the_order_that_was_placed_meanwhile(
    customer: Harness, ines: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job completes the placement of a slow request just before the request does."""
    placed, find = place(ines), buying_orders.find
    calls: list[str] = []

    def find_too_early(order_id: str, *, locked: bool = False) -> Any:
        calls.append(order_id)
        return None if len(calls) == 1 else find(order_id, locked=locked)

    items = [HeldItem(COAT, "Coat", Money(2000, "EUR"))]
    monkeypatch.setattr(buying_orders, "find", find_too_early)
    with db.unit_of_work():
        location = Location(ROSSIO, "Rossio", TIME_ZONE)
        order = lifecycle.place(placed["id"], user_id("ines"), items, location, now())
        assert (order.id, order.total.amount) == (placed["id"], 4000)
    assert len(customer.published("customer.buying_order.placed.v1")) == 1


@pytest.mark.parametrize("state", ["released", None])
def test_an_interrupted_request_without_a_hold_places_no_order(
    customer: Harness, ines: Send, peers: FakePeers, interrupted: str, state: str | None
) -> None:
    if state is None:
        peers.holds.clear()
    else:
        peers.holds[interrupted]["state"] = state
    run_later(9, complete_interrupted_placements)
    assert ines("GET", ORDERS).json()["items"] == []
    peers.requests.clear()
    run_later(9, complete_interrupted_placements)
    assert peers.requests == []


def run_later(seconds: float, call: Callable[[], Any]) -> Any:
    """Call a function as it would run after this number of seconds."""
    later = now() + timedelta(seconds=seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        return call()


def test_the_refusal_lists_unavailable_products(ines: Send, peers: FakePeers) -> None:
    peers.unavailable_products = [HAT]
    response = ines("POST", ORDERS, json=NEW_ORDER, key="order-key-1")
    assert response.status_code == 409
    assert response.json()["unavailable_product_ids"] == [HAT]
    assert ines("GET", ORDERS).json()["items"] == []


def test_another_total_than_expected_is_refused_with_the_present_total(customer: Harness, ines: Send) -> None:
    outdated = NEW_ORDER | {"expected_total": {"amount": 3900, "currency": "EUR"}}
    response = ines("POST", ORDERS, json=outdated, key="order-key-1")
    assert problem_of(response) == (409, "price-changed")
    assert response.json()["total"] == {"amount": 4000, "currency": "EUR"}
    assert customer.published("customer.buying_order.placed.v1") == []
    agreed = NEW_ORDER | {"expected_total": response.json()["total"]}
    assert ines("POST", ORDERS, json=agreed, key="order-key-2").status_code == 201


def test_the_refusal_points_to_an_unknown_location(ines: Send) -> None:
    wrong = NEW_ORDER | {"pickup_location_id": "loc_" + "9" * 32}
    response = ines("POST", ORDERS, json=wrong, key="order-key-1")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/pickup_location_id")


@pytest.mark.parametrize("service", ["locker", "shopping"])
def test_nothing_is_placed_while_a_service_is_unavailable_and_a_repeat_works(
    ines: Send, peers: FakePeers, service: str
) -> None:
    peers.unavailable = {service}
    response = ines("POST", ORDERS, json=NEW_ORDER, key="order-key-1")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    peers.unavailable = set()
    assert place(ines)["state"] == "placed"


def test_a_captured_payment_marks_the_order_as_paid_once(customer: Harness, ines: Send) -> None:
    order = place(ines)
    for _ in range(2):
        pay(customer, order, method="coins", coins=4000)
    paid = ines("GET", f"{ORDERS}/{order['id']}").json()
    assert (paid["state"], paid["payment_id"]) == ("paid", payment_id_of(order))
    assert [entry["state"] for entry in paid["timeline"]] == ["placed", "paid"]
    [event] = customer.published("customer.buying_order.paid.v1")
    assert (event["pickup_location_name"], event["method"], event["coins"]) == ("Rossio", "coins", 4000)


def test_a_released_hold_expires_a_placed_order(customer: Harness, ines: Send) -> None:
    order = place(ines)
    for _ in range(2):
        release_hold(customer, order)
    assert ines("GET", f"{ORDERS}/{order['id']}").json()["state"] == "expired"
    assert len(customer.published("customer.buying_order.expired.v1")) == 1


def test_stale_events_change_nothing(customer: Harness, ines: Send) -> None:
    order = place(ines)
    pay(customer, order)
    release_hold(customer, order)
    assert ines("GET", f"{ORDERS}/{order['id']}").json()["state"] == "paid"
    other = place(ines, "order-key-2")
    release_hold(customer, other)
    pay(customer, other)
    assert ines("GET", f"{ORDERS}/{other['id']}").json()["state"] == "expired"


def test_a_payment_of_an_unknown_order_is_retried(customer: Harness, ines: Send) -> None:
    unknown = place(ines) | {"id": "bor_" + "9" * 32}
    with pytest.raises(LookupError):
        pay(customer, unknown)


def test_an_order_is_hidden_from_other_buyers(customer: Harness, ines: Send) -> None:
    order = place(ines)
    rui = customer.as_user("rui", SCOPES)
    assert rui("GET", f"{ORDERS}/{order['id']}").status_code == 404
    assert rui("GET", ORDERS).json()["items"] == []
