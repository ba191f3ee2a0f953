"""A buying order after its payment: packed, shipped, picked up, cancelled (stories b-*, rb-c-01, mf-*)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
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
    new_key,
    place,
    problem_of,
)
from tests.integration.customer.conftest import ROSSIO, TIME_ZONE, FakePeers
from tests.support.harness import Harness, user_id
from tests.support.order_lifecycle import ORDER_PATH

BELEM = "loc_" + "4" * 32
MONITORED = "/customer/v1/monitored-buying-orders"


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


@pytest.fixture
def manager(customer: Harness) -> Send:
    scopes = "customer:buying-orders:monitor customer:order-counts:read customer:rankings:read"
    return customer.as_user("marta", scopes, "internal", roles=["manager"])


@pytest.mark.story("b-bu-02")
def test_a_review_says_price_location_and_what_is_gone(ines: Send, peers: FakePeers) -> None:
    path = "/customer/v1/buying-order-reviews"
    body = {"product_ids": [COAT, HAT], "pickup_location_id": ROSSIO, "payment_method": "coins"}
    review = ines("POST", path, json=body).json()
    assert (review["total"]["amount"], review["can_be_placed"]) == (4000, True)
    assert (review["pickup_location"]["name"], review["payment_method"]) == ("Rossio", "coins")
    peers.unavailable_products = [HAT]
    review = ines("POST", path, json=body).json()
    assert (review["total"]["amount"], review["can_be_placed"]) == (2000, False)
    assert review["unavailable_product_ids"] == [HAT]
    assert problem_of(ines("POST", path, json=body | {"pickup_location_id": BELEM})) == (422, "unknown-location")
    assert ines("GET", ORDERS).json()["items"] == []


@pytest.mark.story("b-bu-02")
def test_a_review_is_in_the_currency_of_its_prices(
    ines: Send, peers: FakePeers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the currency is not seen by all services in the same second."""
    monkeypatch.setattr("services.customer.buying_orders.api.setting", {"billing.currency": "USD"}.__getitem__)
    body = {"product_ids": [COAT], "pickup_location_id": ROSSIO, "payment_method": "coins"}
    review = ines("POST", "/customer/v1/buying-order-reviews", json=body).json()
    assert review["total"] == {"amount": 2000, "currency": "EUR"}
    peers.unavailable_products = [COAT]
    review = ines("POST", "/customer/v1/buying-order-reviews", json=body).json()
    assert review["total"] == {"amount": 0, "currency": "USD"}


def test_an_order_goes_its_way_and_each_move_is_told_once(customer: Harness, ines: Send) -> None:
    order = place(ines)
    for step in TO_PICKED_UP:
        advance(customer, order, step, step)
    assert buying.timeline_states(ines, order) == list(ORDER_PATH[:-1])
    assert buying.published_transitions(customer, "buying_order") == list(pairwise(ORDER_PATH[1:-1]))
    last = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (last["is_first"], last["product_ids"]) == (True, [COAT, HAT])
    place_and_pick_up = datetime.fromisoformat(last["at"])
    assert last["time_zone"] == TIME_ZONE
    assert last["return_until"] == rfc3339(end_of_day(place_and_pick_up, 14, TIME_ZONE))
    assert last["return_until"] == buying.read(ines, order)["return_until"]


def test_news_that_come_too_early_are_tried_again(customer: Harness, ines: Send) -> None:
    order = place(ines)
    for step in TO_PICKED_UP[1:]:
        with pytest.raises(LookupError):
            advance(customer, order, step)
    assert buying.timeline_states(ines, order) == ["placed"]
    advance(customer, order, "pay", "packed")  # the news that packing began was overtaken
    assert buying.timeline_states(ines, order) == ["placed", "paid", "packing", "packed"]


@pytest.mark.real_servers
def test_only_the_first_purchase_is_the_first(customer: Harness, ines: Send) -> None:
    for _ in range(2):
        buying.place_and_pick_up(customer, ines, COAT)
    moved = customer.published("customer.buying_order.state_changed.v1")
    assert [move["is_first"] for move in moved if move["state"] == "picked_up"] == [True, False]


def test_an_order_is_complete_when_its_window_is_over(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying.run_jobs_later(after_days=13)
    assert buying.read(ines, order)["state"] == "picked_up"
    for _ in range(2):
        buying.run_jobs_later(after_days=15)
    assert buying.read(ines, order)["state"] == "completed"
    complete = [
        m for m in customer.published("customer.buying_order.state_changed.v1") if m["state"] == "completed"
    ]
    assert [move["product_ids"] for move in complete] == [[COAT, HAT]]


@pytest.mark.story("rb-c-01")
def test_an_order_that_is_not_paid_is_cancelled_by_giving_its_hold_back(
    customer: Harness, ines: Send, peers: FakePeers
) -> None:
    order = place(ines)
    path = f"{ORDERS}/{order['id']}/cancellation"
    assert ines("POST", path).json()["state"] == "cancelled"
    assert ines("POST", path).json()["state"] == "cancelled"
    requests = [(method, path) for method, path, _ in peers.requests if "/holds/" in path]
    assert requests == [("DELETE", f"/shopping/v1/holds/{order['id']}")]
    buying.lose_hold(customer, order, "cancelled")
    assert buying.published_transitions(customer, "buying_order") == [("placed", "cancelled")]
    [move] = customer.published("customer.buying_order.state_changed.v1")
    assert move["payment_id"] is None


def test_an_order_whose_payment_cannot_be_captured_is_cancelled(customer: Harness, ines: Send) -> None:
    order = place(ines)
    data = {"payment_id": f"pay_{'5' * 32}", "order_id": order["id"], "buyer_id": order["buyer_id"]}
    for reason_code in ("order_not_kept", "sale_not_paid"):
        assert buying.read(ines, order)["state"] == "placed"
        voided = data | {"reason": "any text", "reason_code": reason_code, "method": "card"}
        customer.deliver("billing.payment.voided.v1", voided)
    assert buying.read(ines, order)["state"] == "cancelled"


def test_a_cancellation_that_a_fault_cut_off_is_finished_by_the_news(customer: Harness, ines: Send) -> None:
    unpaid, paid = place(ines, COAT), place(ines, HAT)
    buying.lose_hold(customer, unpaid, "cancelled")
    advance(customer, paid, "pay", "pack")
    buying.stop_work(customer, paid["id"])
    buying.stop_work(customer, paid["id"])
    assert buying.timeline_states(ines, unpaid) == ["placed", "cancelled"]
    assert buying.timeline_states(ines, paid) == ["placed", "paid", "packing", "cancelled"]


@pytest.mark.story("rb-c-01")
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_paid_order_is_cancelled_after_its_work_was_stopped(
    customer: Harness, ines: Send, peers: FakePeers, steps: int
) -> None:
    order = place(ines)
    advance(customer, order, *TO_PICKED_UP[:steps])
    cancelled = ines("POST", f"{ORDERS}/{order['id']}/cancellation").json()
    assert cancelled["state"] == "cancelled"
    assert ("POST", "/admin/v1/work-stops", {"order_id": order["id"]}) in peers.requests
    move = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (move["state"], move["payment_id"]) == ("cancelled", buying.payment_id_of(order))
    advance(customer, order, *TO_PICKED_UP)  # late news
    assert buying.read(ines, order)["state"] == "cancelled"
    for _ in range(2):
        buying.complete_refund(customer, order, 4000, refund_id="rfd_" + "7" * 32)
    [refund] = buying.read(ines, order)["refunds"]
    assert (refund["amount"]["amount"], refund["return_id"]) == (4000, None)


def test_what_is_shipped_cannot_be_cancelled(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = place(ines)
    advance(customer, order, *TO_PICKED_UP[:4])
    peers.requests.clear()
    before = buying.read(ines, order)
    assert problem_of(ines("POST", f"{ORDERS}/{order['id']}/cancellation")) == (409, "illegal-transition")
    assert buying.read(ines, order) == before
    assert peers.requests == []


def test_a_cancellation_that_a_neighbour_refuses_leaves_no_trace(
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


def test_nobody_cancels_another_buyers_order(customer: Harness, ines: Send) -> None:
    order = place(ines)
    rui = customer.as_user("rui", SCOPES)
    assert rui("POST", f"{ORDERS}/{order['id']}/cancellation").status_code == 404
    assert buying.read(ines, order)["state"] == "placed"


@pytest.mark.story("mf-bo-02")
def test_a_manager_sees_one_order_whole(customer: Harness, ines: Send, manager: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    made = buying.create_return(ines, order, COAT)
    buying.deposit_and_check(customer, made, "good")
    buying.complete_refund(customer, order, 2000, made["id"])
    whole = manager("GET", f"{MONITORED}/{order['id']}").json()
    assert whole["payment"] == {
        "id": buying.payment_id_of(order),
        "amount": order["total"],
        "captured_at": whole["paid_at"],
    }
    assert [(work["kind"], work["state"]) for work in whole["work"]] == [
        ("packing", "done"),
        ("shipping", "in_progress"),
    ]
    [back] = whole["returns"]
    assert (back["id"], back["state"], back["refund"]["amount"]) == (made["id"], "completed", 2000)
    assert [refund["return_id"] for refund in whole["refunds"]] == [made["id"]]


def test_old_news_of_work_do_not_overwrite_new_ones(customer: Harness, ines: Send, manager: Send) -> None:
    order = place(ines)
    advance(customer, order, "pay")
    earlier = rfc3339(now())
    buying.change_work(customer, "packing", "failed", order["id"], reason="no paper left")
    buying.change_work(customer, "packing", "assigned", order["id"], at=earlier)
    [work] = manager("GET", f"{MONITORED}/{order['id']}").json()["work"]
    assert (work["state"], work["reason"], work["tracking_code"]) == (
        "failed",
        "no paper left",
        "RC123",
    )


@pytest.mark.real_servers
@pytest.mark.story("mf-bo-01")
def test_orders_are_filtered_sorted_and_paged(customer: Harness, ines: Send, manager: Send) -> None:
    dear, cheap = place(ines, COAT, HAT), place(ines, COAT)
    middle = now()
    late = place(customer.as_user("rui", SCOPES), HAT)
    advance(customer, late, "pay")

    def ids(**query: Any) -> list[str]:
        return [order["id"] for order in manager("GET", MONITORED, params=query).json()["items"]]

    assert ids(sort="oldest") == [dear["id"], cheap["id"], late["id"]]
    assert ids(sort="total_desc")[0] == dear["id"]
    assert ids(sort="total_asc")[-1] == dear["id"]
    assert ids(placed_from=rfc3339(middle)) == [late["id"]]
    assert ids(placed_before=rfc3339(middle), buyer_id=user_id("ines")) == [cheap["id"], dear["id"]]
    assert ids(state="paid", pickup_location_id=ROSSIO) == [late["id"]]
    assert ids(pickup_location_id=BELEM) == []
    first = manager("GET", MONITORED, params={"limit": 2, "sort": "total_desc"}).json()
    rest = manager(
        "GET", MONITORED, params={"limit": 2, "sort": "total_desc", "cursor": first["next_cursor"]}
    ).json()
    assert {order["id"] for order in first["items"] + rest["items"]} == {dear["id"], cheap["id"], late["id"]}
    assert manager("GET", MONITORED, params={"sort": "prettiest"}).status_code == 400


def test_a_page_of_orders_takes_as_many_queries_as_one_order(customer: Harness, ines: Send, manager: Send) -> None:
    counted: list[str] = []

    def queries_of_page(limit: int) -> int:
        counted.clear()
        assert len(manager("GET", MONITORED, params={"limit": limit}).json()["items"]) == limit
        return len(counted)

    for _ in range(4):
        place(ines)
    event.listen(db.engine(), "before_cursor_execute", lambda *args: counted.append(args[2]))
    assert queries_of_page(4) == queries_of_page(1)


@pytest.mark.real_servers
@pytest.mark.story("mf-eu-05")
def test_staff_sees_how_many_orders_a_customer_has(customer: Harness, ines: Send, manager: Send) -> None:
    counts = f"/customer/v1/order-counts/{user_id('ines')}"
    assert manager("GET", counts).status_code == 404
    register(customer, "ines")
    advance(customer, place(ines), "pay")
    place(ines)
    donor = customer.as_user("ines", "customer:donating-orders")
    donor("POST", "/customer/v1/donating-orders", key=new_key())
    found = manager("GET", counts).json()
    assert found["buying_orders"] == {"total": 2, "by_state": {"paid": 1, "placed": 1}}
    assert found["donating_orders"] == {"total": 1, "by_state": {"draft": 1}}


def register(customer: Harness, name: str) -> None:
    data = {"user_id": user_id(name), "full_name": name.title(), "consents": []}
    customer.deliver("auth.user.registered.v1", data)


@pytest.mark.real_servers
@pytest.mark.story("mf-eu-06")
def test_a_manager_sees_who_buys_and_donates_most(
    customer: Harness, ines: Send, manager: Send, peers: FakePeers
) -> None:
    since = now()
    for number in range(12):
        name = f"buyer {number}"
        register(customer, name)
        send = customer.as_user(name, SCOPES)
        for _ in range(2 if number == 7 else 1):
            advance(customer, place(send, COAT, *([HAT] if number == 3 else [])), "pay")
    cancelled = place(ines)
    advance(customer, cancelled, "pay")
    ines("POST", f"{ORDERS}/{cancelled['id']}/cancellation")
    query = {"since": rfc3339(since), "until": rfc3339(now() + timedelta(seconds=1))}
    top = manager("GET", "/customer/v1/top-buyers", params=query).json()["items"]
    assert len(top) == 10
    assert [(one["full_name"], one["orders"], one["total"]["amount"]) for one in top[:2]] == [
        ("Buyer 7", 2, 4000),
        ("Buyer 3", 1, 4000),
    ]
    assert user_id("ines") not in [one["customer_id"] for one in top]
    before = {"since": rfc3339(since - timedelta(days=2)), "until": rfc3339(since - timedelta(days=1))}
    assert manager("GET", "/customer/v1/top-buyers", params=before).json()["items"] == []
    turned = {"since": query["until"], "until": query["since"]}
    assert manager("GET", "/customer/v1/top-buyers", params=turned).status_code == 422


@pytest.mark.real_servers
@pytest.mark.story("mf-eu-06")
def test_the_top_donors_are_those_whose_donations_came_in(
    customer: Harness, manager: Send, peers: FakePeers
) -> None:
    from tests.integration.customer import test_donating_orders as donating

    register(customer, "ines")
    since, send = now(), customer.as_user("ines", donating.SCOPE)
    donating.create_collected(customer, send, donating.COAT, donating.COAT)
    donating.create_draft(send)
    query = {"since": rfc3339(since), "until": rfc3339(now() + timedelta(seconds=1))}
    [only] = manager("GET", "/customer/v1/top-donors", params=query).json()["items"]
    assert (only["customer_id"], only["full_name"], only["orders"], only["pieces"]) == (
        user_id("ines"),
        "Ines",
        1,
        2,
    )
