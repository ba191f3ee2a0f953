"""Returns of purchases: created, deposited, collected, checked, refunded (stories rb-r-*, mf-bo-03)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from libs.chassis import db
from libs.chassis.clock import now
from services.customer.buying_orders.tables import BuyingOrder
from tests.integration.customer import buying_support as buying
from tests.integration.customer import donating_support as donating
from tests.integration.customer.buying_support import (
    COAT,
    HAT,
    RETURNS,
    SCOPES,
    Send,
    advance,
    agree_on_refund,
    change_work,
    complete_refund,
    create_return,
    deposit_and_check,
    new_key,
    place,
    problem_of,
    read,
    request_return,
    use_door,
)
from tests.integration.customer.conftest import BOX, ROSSIO, FakePeers
from tests.support.harness import Harness, user_id

UNTIL_COLLECTED = ["created", "in_box", "collected"]


@pytest.fixture
def ines(customer: Harness, peers: FakePeers) -> Send:
    return customer.as_user("ines", SCOPES)


def end_window(order_id: str) -> None:
    with db.unit_of_work() as session:
        over = now() - timedelta(seconds=1)
        session.execute(update(BuyingOrder).where(BuyingOrder.id == order_id).values(return_until=over))


@pytest.mark.story("rb-r-re-01")
def test_a_return_has_a_box_a_price_and_a_deadline(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = buying.place_and_pick_up(customer, ines)
    response = request_return(ines, order, COAT, reason="Too small")
    buying_return = response.json()
    assert response.headers["location"] == f"{RETURNS}/{buying_return['id']}"
    assert (buying_return["state"], buying_return["price"]["amount"], buying_return["refund"]) == (
        "created",
        2000,
        None,
    )
    assert (buying_return["box"], buying_return["location"]["id"]) == ({"id": BOX, "label": "A3"}, ROSSIO)
    assert (buying_return["is_whole_order"], buying_return["reason"]) == (False, "Too small")
    requests = [body for _, path, body in peers.requests if path == "/locker/v1/holds"]
    assert requests == [
        {"order_id": buying_return["id"], "person_id": user_id("ines"), "location_id": ROSSIO, "purpose": "deposit"}
    ]
    assert read(ines, buying_return) == buying_return
    assert create_return(ines, order)["items"][0]["product_id"] == HAT, "without products: what is left"
    returns = ines("GET", RETURNS, params={"order_id": order["id"], "state": "created"}).json()["items"]
    assert len(returns) == 2
    theirs = customer.as_user("rui", SCOPES)("GET", RETURNS, params={"order_id": order["id"]})
    assert theirs.status_code == 404
    published = customer.published("customer.buying_return.state_changed.v1")[0]
    assert (
        published["previous_state"],
        published["price"]["amount"],
        published["product_ids"],
    ) == (None, 2000, [COAT])


def test_a_repeated_request_creates_one_return(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    body = {"order_id": order["id"], "location_id": ROSSIO}
    first, again = (ines("POST", RETURNS, json=body, key="return-key-1") for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())
    assert len(ines("GET", RETURNS).json()["items"]) == 1


def test_products_that_cannot_be_returned_are_refused(customer: Harness, ines: Send, peers: FakePeers) -> None:
    order = place(ines)
    for step in ("pay", "pack", "packed", "ship", "put_in"):
        advance(customer, order, step)
        assert problem_of(request_return(ines, order)) == (409, "illegal-transition")
    advance(customer, order, "take_out")
    assert problem_of(request_return(ines, order, "prd_" + "9" * 32)) == (422, "not-in-order")
    assert problem_of(request_return(ines, order, location_id="loc_" + "9" * 32)) == (422, "unknown-location")
    peers.is_location_full = True
    assert problem_of(request_return(ines, order)) == (409, "location-full")
    peers.is_location_full, peers.unavailable = False, {"locker"}
    assert request_return(ines, order).status_code == 503
    peers.unavailable = set()
    assert request_return(customer.as_user("rui", SCOPES), order).status_code == 404
    assert ines("GET", RETURNS).json()["items"] == []
    create_return(ines, order, COAT)
    assert problem_of(request_return(ines, order, COAT)) == (409, "already-returned")
    create_return(ines, order)
    assert problem_of(request_return(ines, order)) == (409, "already-returned")


def test_a_return_is_refused_after_the_window(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    end_window(order["id"])
    assert problem_of(request_return(ines, order)) == (409, "return-window-over")
    buying.run_jobs_later(after_days=0)
    assert read(ines, order)["state"] == "completed"
    assert problem_of(request_return(ines, order)) == (409, "return-window-over")


@pytest.mark.story("rb-r-po-03")
def test_good_items_are_refunded_completely(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = create_return(ines, order)
    deposit_and_check(customer, buying_return, "good")
    assert read(ines, buying_return)["refund"] == {"amount": 4000, "currency": "EUR"}
    for _ in range(2):
        complete_refund(customer, order, 4000, buying_return["id"], "rfd_" + "7" * 32)
    assert buying.timeline_states(ines, buying_return) == [*UNTIL_COLLECTED, "checked_good", "completed"]
    [refund] = read(ines, order)["refunds"]
    assert (refund["return_id"], refund["amount"]["amount"]) == (buying_return["id"], 4000)
    published = customer.published("customer.buying_return.state_changed.v1")
    assert [(event["state"], event["refund"] and event["refund"]["amount"]) for event in published] == [
        ("created", None),
        ("in_box", None),
        ("collected", None),
        ("checked_good", 4000),
        ("completed", 4000),
    ]
    assert all(event["is_whole_order"] for event in published)


@pytest.mark.story("rb-r-po-02")
@pytest.mark.parametrize("amount", [0, 1500])
def test_staff_decide_the_refund_of_bad_items(customer: Harness, ines: Send, amount: int) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = create_return(ines, order)
    deposit_and_check(customer, buying_return, "bad")
    assert (read(ines, buying_return)["state"], read(ines, buying_return)["refund"]) == ("checked_bad", None)
    for _ in range(2):
        agree_on_refund(customer, buying_return, amount)
    assert read(ines, buying_return)["refund"]["amount"] == amount
    if amount:
        assert read(ines, buying_return)["state"] == "refund_decided"
        complete_refund(customer, order, amount, buying_return["id"])
    assert buying.timeline_states(ines, buying_return) == [
        *UNTIL_COLLECTED,
        "checked_bad",
        "refund_decided",
        "completed",
    ]


def results(send: Send, buying_return: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(item["product_id"], item["result"], item["reason"]) for item in read(send, buying_return)["items"]]


def collected(customer: Harness, ines: Send, order: dict[str, Any]) -> dict[str, Any]:
    buying_return = create_return(ines, order)
    use_door(customer, buying_return["id"], "deposit")
    change_work(customer, "collecting", "done", buying_return["id"])
    return buying_return


@pytest.mark.story("rb-r-po-02")
@pytest.mark.parametrize("agreed_amount", [500])
@pytest.mark.parametrize("is_good_paid_first", [True, False])
def test_the_refund_of_a_good_item_does_not_wait_for_the_decision_on_a_bad_one(
    customer: Harness, ines: Send, agreed_amount: int, is_good_paid_first: bool
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = collected(customer, ines, order)
    assert results(ines, buying_return) == [(COAT, None, None), (HAT, None, None)]
    for _ in range(2):
        buying.check_items(customer, buying_return, {COAT: "good", HAT: "bad"})
    assert results(ines, buying_return) == [(COAT, "good", None), (HAT, "bad", "Torn")]
    assert (read(ines, buying_return)["state"], read(ines, buying_return)["refund"]) == ("checked_bad", None)
    checked = customer.published("customer.buying_return.state_changed.v1")[-1]
    assert [(item["price"]["amount"], item["result"]) for item in checked["items"]] == [
        (2000, "good"),
        (2000, "bad"),
    ]
    if is_good_paid_first:
        complete_refund(customer, order, 2000, buying_return["id"])
        assert read(ines, buying_return)["state"] == "checked_bad"
    agree_on_refund(customer, buying_return, 2000 + agreed_amount)
    assert read(ines, buying_return)["refund"]["amount"] == 2000 + agreed_amount
    for amount in ([] if is_good_paid_first else [2000]) + ([agreed_amount] if agreed_amount else []):
        assert read(ines, buying_return)["state"] == "refund_decided", "completed with the last refund"
        complete_refund(customer, order, amount, buying_return["id"])
    assert buying.timeline_states(ines, buying_return) == [
        *UNTIL_COLLECTED,
        "checked_bad",
        "refund_decided",
        "completed",
    ]


def test_one_refund_of_the_whole_amount_completes_a_return(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = collected(customer, ines, order)
    buying.check_items(customer, buying_return, {COAT: "good", HAT: "bad"})
    agree_on_refund(customer, buying_return, 2500)
    complete_refund(customer, order, 2500, buying_return["id"])
    assert read(ines, buying_return)["state"] == "completed"


@pytest.mark.parametrize(("second", "state"), [("good", "checked_good"), ("bad", "checked_bad")])
def test_equal_results_of_all_items_count_as_one_result(
    customer: Harness, ines: Send, second: str, state: str
) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = collected(customer, ines, order)
    buying.check_items(customer, buying_return, {COAT: second, HAT: second})
    assert read(ines, buying_return)["state"] == state
    if second == "bad":
        agree_on_refund(customer, buying_return, 1500)
    complete_refund(customer, order, read(ines, buying_return)["refund"]["amount"], buying_return["id"])
    assert read(ines, buying_return)["state"] == "completed"


def test_a_decided_refund_does_not_exceed_the_price(customer: Harness, ines: Send) -> None:
    buying_return = create_return(ines, buying.place_and_pick_up(customer, ines), COAT)
    with pytest.raises(LookupError):
        agree_on_refund(customer, buying_return, 100)
    deposit_and_check(customer, buying_return, "bad")
    with pytest.raises(ValueError, match="more than was paid"):
        agree_on_refund(customer, buying_return, 2001)
    assert read(ines, buying_return)["state"] == "checked_bad"


def test_an_agreed_refund_is_at_least_what_was_refunded_at_the_check(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = collected(customer, ines, order)
    buying.check_items(customer, buying_return, {COAT: "good", HAT: "bad"})
    agree_on_refund(customer, buying_return, 500)
    assert read(ines, buying_return)["refund"]["amount"] == 2000
    complete_refund(customer, order, 2000, buying_return["id"])
    assert read(ines, buying_return)["state"] == "completed"


def test_a_buyer_cancels_a_return_before_its_deposit(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = create_return(ines, order)
    path = f"{RETURNS}/{buying_return['id']}/cancellation"
    assert customer.as_user("rui", SCOPES)("POST", path).status_code == 404
    for _ in range(2):
        assert ines("POST", path).json()["state"] == "cancelled"
    assert buying.published_transitions(customer, "buying_return") == [
        (None, "created"),
        ("created", "cancelled"),
    ]
    again = create_return(ines, order)
    use_door(customer, again["id"], "deposit")
    assert problem_of(ines("POST", f"{RETURNS}/{again['id']}/cancellation")) == (409, "illegal-transition")


def test_a_deposit_counts_although_the_return_was_cancelled(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    cancelled = create_return(ines, order)
    ines("POST", f"{RETURNS}/{cancelled['id']}/cancellation")
    other = create_return(ines, order, COAT)
    use_door(customer, cancelled["id"], "deposit")
    assert read(ines, cancelled)["state"] == "in_box"
    assert read(ines, other)["state"] == "cancelled", "the coat is in the first box"
    use_door(customer, other["id"], "deposit")
    assert read(ines, other)["state"] == "cancelled", "a coat is returned once"


def test_a_return_without_a_deposit_expires(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    buying_return = create_return(ines, order)
    buying.run_jobs_later(after_days=6)
    assert read(ines, buying_return)["state"] == "created"
    for _ in range(2):
        buying.run_jobs_later(after_days=8)
    assert buying.timeline_states(ines, buying_return) == ["created", "expired"]
    assert read(ines, order)["state"] == "picked_up"


def test_an_order_is_completed_after_its_open_returns_with_the_products_that_stay(
    customer: Harness, ines: Send, peers: FakePeers
) -> None:
    peers.box_held_for = timedelta(days=30)
    order = buying.place_and_pick_up(customer, ines)
    buying_return = create_return(ines, order, COAT)
    buying.run_jobs_later(after_days=20)
    assert read(ines, order)["state"] == "picked_up"
    use_door(customer, buying_return["id"], "deposit")
    buying.run_jobs_later(after_days=20)
    last = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (last["state"], last["product_ids"]) == ("completed", [HAT])
    change_work(customer, "collecting", "done", buying_return["id"])
    change_work(customer, "checking", "done", buying_return["id"], "good")
    assert read(ines, buying_return)["state"] == "checked_good"


def test_a_completely_returned_order_does_not_count_as_first_purchase(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    for product_id in (COAT, HAT):
        deposit_and_check(customer, create_return(ines, order, product_id), "good")
    published = customer.published("customer.buying_return.state_changed.v1")
    assert [m["is_whole_order"] for m in published if m["state"] == "checked_good"] == [False, True]
    buying.run_jobs_later(after_days=15)
    last = customer.published("customer.buying_order.state_changed.v1")[-1]
    assert (last["state"], last["product_ids"]) == ("completed", [])
    buying.place_and_pick_up(customer, ines, COAT)
    assert customer.published("customer.buying_order.state_changed.v1")[-1]["is_first"]


@pytest.mark.real_servers
def test_concurrent_returns_of_one_product_create_one_return(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines, COAT)
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: request_return(ines, order), range(4)))
    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]


@pytest.mark.story("mf-bo-03")
def test_staff_list_and_filter_returns(customer: Harness, ines: Send) -> None:
    first = create_return(ines, buying.place_and_pick_up(customer, ines, COAT))
    second = create_return(ines, buying.place_and_pick_up(customer, ines, HAT))
    deposit_and_check(customer, second, "bad")
    staff = customer.as_user("employee", "customer:buying-orders:monitor", "internal", roles=["employee"])
    path = "/customer/v1/monitored-buying-returns"

    def ids(**query: str) -> list[str]:
        return [buying_return["id"] for buying_return in staff("GET", path, params=query).json()["items"]]

    assert ids() == [second["id"], first["id"]]
    assert ids(sort="oldest") == [first["id"], second["id"]]
    assert ids(state="checked_bad") == [second["id"]]
    assert ids(order_id=first["order_id"], buyer_id=user_id("ines")) == [first["id"]]
    assert staff("GET", f"{path}/{first['id']}").json() == read(ines, first)
    assert staff("GET", f"{path}/rbo_{'9' * 32}").status_code == 404
    assert ines("GET", path).status_code == 403
    page = staff("GET", path, params={"limit": 1}).json()
    assert staff("GET", path, params={"limit": 1, "cursor": page["next_cursor"]}).json()["items"][0] == read(
        ines, first
    )


def test_a_return_key_of_another_return_is_refused(customer: Harness, ines: Send) -> None:
    order = buying.place_and_pick_up(customer, ines)
    used = new_key()
    for product_id, status in ((COAT, 201), (HAT, 422)):
        body = {"order_id": order["id"], "location_id": ROSSIO, "product_ids": [product_id]}
        assert ines("POST", RETURNS, json=body, key=used).status_code == status


def test_a_work_event_that_is_early_for_one_return_is_applied_to_the_others(customer: Harness, ines: Send) -> None:
    known, late = buying.place_and_pick_up(customer, ines, COAT), buying.place_and_pick_up(customer, ines, HAT)
    deposited, not_deposited = buying.create_return(ines, known), buying.create_return(ines, late)
    buying.use_door(customer, deposited["id"], "deposit")
    orders = [
        {"order_id": buying_return["id"], "box_id": None, "tracking_code": None}
        for buying_return in (not_deposited, deposited)
    ]
    for _ in range(2):
        with pytest.raises(LookupError):
            buying.change_work(customer, "collecting", "done", deposited["id"], orders=orders)
        assert buying.timeline_states(ines, deposited) == ["created", "in_box", "collected"]
        assert buying.timeline_states(ines, not_deposited) == ["created"]
    buying.use_door(customer, not_deposited["id"], "deposit")
    buying.change_work(customer, "collecting", "done", deposited["id"], orders=orders)
    assert buying.timeline_states(ines, not_deposited) == ["created", "in_box", "collected"]
    assert buying.published_transitions(customer, "buying_return").count(("in_box", "collected")) == 2


def test_a_work_event_that_is_early_for_a_return_is_applied_to_donations(customer: Harness, ines: Send) -> None:
    """One collection contains returns and donations; each kind has its own handler."""
    donor = customer.as_user("tom", donating.SCOPE)
    donation = donating.create_submitted(donor)
    donating.use_door(customer, donation, "deposit")
    not_deposited = create_return(ines, buying.place_and_pick_up(customer, ines))
    orders = [
        {"order_id": order["id"], "box_id": None, "tracking_code": None, "products": []}
        for order in (not_deposited, donation)
    ]
    with pytest.raises(LookupError):
        change_work(customer, "collecting", "done", donation["id"], orders=orders)
    assert donating.state_of(donor, donation["id"]) == "collected"
    assert read(ines, not_deposited)["state"] == "created"
