"""Payments, coins, refunds and payouts of purchases, through both gateways."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.conftest import CustomerFactory
from tests.acceptance.site import Site
from tools.demo.people import Customer, Json, Staff, idempotency_key, wait_for


@pytest.fixture
def buyer(new_customer: CustomerFactory) -> Customer:
    return new_customer()


def assign_coins(manager: Staff, buyer: Customer, coins: int) -> None:
    body = {"person_id": buyer.user_id, "coins": coins, "note": "A test"}
    manager.call("POST", "/billing/v1/coin-records", json=body, headers=idempotency_key(), expect=201)


def coin_balance(buyer: Customer) -> int:
    coins: int = buyer.call("GET", "/billing/v1/coins").json()["balance"]
    return coins


def pay_with_coins(buyer: Customer, order_id: str, *, expect: int = 201) -> Json:
    body = {"order_id": order_id, "method": "coins"}
    payment: Json = buyer.call(
        "POST", "/billing/v1/payments", json=body, headers=idempotency_key(), expect=expect
    ).json()
    return payment


def wait_for_refund(buyer: Customer, order_id: str) -> Json:
    def read() -> Json | None:
        refunds = buyer.call("GET", "/billing/v1/refunds", params={"order_id": order_id}).json()["items"]
        return refunds[0] if refunds and refunds[0]["state"] == "completed" else None

    return wait_for(f"the refund of {order_id}", read)


@pytest.mark.story("b-bu-04")
def test_an_order_is_paid_by_card_or_with_coins(
    buyer: Customer, manager: Staff, published_coat: Callable[..., str]
) -> None:
    location_id = buyer.locations()[0]["id"]
    coin_value = buyer.call("GET", "/billing/v1/payment-configuration", anonymous=True).json()["coin_value"]
    assert coin_value == {"amount": 1, "currency": "EUR"}

    order = buyer.place_order([published_coat(price=1200)], location_id)
    assert pay_with_coins(buyer, order["id"], expect=409)["type"].endswith("/not-enough-coins")
    assign_coins(manager, buyer, 1500)
    payment = pay_with_coins(buyer, order["id"])
    assert (payment["method"], payment["coins"]) == ("coins", 1200)
    assert coin_balance(buyer) == 300
    buyer.wait_for_order(order["id"], "paid")

    order = buyer.place_order([published_coat(price=1200)], location_id)
    declined = buyer.pay(order["id"], buyer.card("4000000000000341"), expect=402)
    assert "nothing was charged" in declined["detail"]
    assert buyer.pay(order["id"], buyer.card())["method"] == "card"
    buyer.wait_for_order(order["id"], "paid")
    assert coin_balance(buyer) == 300


@pytest.mark.story("rb-c-02")
@pytest.mark.parametrize("method", ["card", "coins"])
def test_a_cancelled_order_is_refunded_once_by_its_payment_method(
    buyer: Customer, manager: Staff, published_coat: Callable[..., str], method: str
) -> None:
    assign_coins(manager, buyer, 4900)
    order = buyer.place_order([published_coat(price=4900)], buyer.locations()[0]["id"])
    payment = pay_with_coins(buyer, order["id"]) if method == "coins" else buyer.pay(order["id"], buyer.card())
    buyer.wait_for_order(order["id"], "paid")
    for _ in range(2):
        buyer.cancel_order(order["id"])
    refund = wait_for_refund(buyer, order["id"])
    assert (refund["payment_id"], refund["amount"]["amount"], refund["method"]) == (payment["id"], 4900, method)
    query = {"order_id": order["id"]}
    assert len(manager.call("GET", "/billing/v1/monitored-refunds", params=query).json()["items"]) == 1
    [monitored] = manager.call("GET", "/billing/v1/monitored-payments", params=query).json()["items"]
    assert (monitored["state"], monitored["refunded"]["amount"]) == ("refunded", 4900)
    assert coin_balance(buyer) == 4900


@pytest.mark.story("b-po-04")
@pytest.mark.story("rb-r-po-03")
def test_a_pick_up_is_rewarded_and_a_return_reverses_its_part_of_the_reward(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id = published_coat(price=4900), published_coat(price=100, title="Straw hat", category="hats")
    order = site.deliver_purchase(buyer, coat_id, hat_id)
    wait_for("the coins", lambda: True if coin_balance(buyer) == 120 else None)

    purchase_return = buyer.return_purchase(order["id"], site.location_id, coat_id)
    site.record_check(site.collect_return(buyer, purchase_return), "good")
    refund = wait_for_refund(buyer, order["id"])
    assert (refund["return_id"], refund["amount"]["amount"]) == (purchase_return["id"], 4900)
    buyer.wait_for_purchase_return(purchase_return["id"], "completed")
    remaining = 120 - 120 * 4900 // 5000
    wait_for("the reward to be reduced", lambda: True if coin_balance(buyer) == remaining else None)


@pytest.mark.story("d-po-10")
def test_a_payout_is_due_after_the_return_window_and_void_when_the_product_is_returned(
    buyer: Customer, new_customer: CustomerFactory, site: Site
) -> None:
    donor = new_customer()
    donation = site.deposit_donation(donor)
    site.record_check(site.collect_donation(donor, donation["id"]), "good")
    donor.wait_for_donation(donation["id"], "checked_good")
    order = site.deliver_purchase(buyer, site.publish_donated_product(donation))

    def wait_for_payout(state: str) -> Json:
        def read() -> Json | None:
            payouts = donor.call("GET", "/billing/v1/payouts").json()["items"]
            return payouts[0] if payouts and payouts[0]["state"] == state else None

        return wait_for(f"a payout that is {state}", read)

    assert wait_for_payout("prepared")["amount"] == {"amount": 1960, "currency": "EUR"}
    path = f"/billing/v1/payouts/{wait_for_payout('prepared')['id']}/payment"
    response = site.manager.call("POST", path, json={"reference": "x42"}, headers=idempotency_key(), expect=409)
    assert response.json()["type"].endswith("/payout-not-due")
    purchase_return = buyer.return_purchase(order["id"], site.location_id)
    site.record_check(site.collect_return(buyer, purchase_return), "good")
    wait_for_payout("void")
    assert "€19.60 will not be paid out" in donor.wait_for_notification("payout-voided", donation["id"])["text"]


def test_only_a_manager_lists_payment_discrepancies(buyer: Customer, manager: Staff, employee: Staff) -> None:
    discrepancies = manager.call("GET", "/billing/v1/payment-discrepancies", params={"state": "open"}).json()[
        "items"
    ]
    assert all(discrepancy["detail"] for discrepancy in discrepancies)
    employee.call("GET", "/billing/v1/payment-discrepancies", expect=403)
    buyer.call("GET", "/billing/v1/payment-discrepancies", expect=404)


@pytest.mark.story("mf-bo-02")
def test_a_pick_up_after_a_forced_cancellation_is_a_discrepancy_that_a_manager_closes(
    buyer: Customer, site: Site, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    order = site.buy(buyer, coat_id)
    site.ship(buyer, site.pack(order["id"]))
    [door] = site.open_doors_when_allowed(buyer, order["id"])
    path = f"/customer/v1/monitored-buying-orders/{order['id']}/forced-cancellation"
    body = {"reason": "The box did not report the pick-up", "missing_product_ids": [coat_id]}
    site.manager.call("POST", path, json=body)
    site.controller.close_door(door, is_occupied=False)

    def find_discrepancy() -> Json | None:
        query = {"state": "open"}
        items = site.manager.call("GET", "/billing/v1/payment-discrepancies", params=query).json()["items"]
        return next((item for item in items if item["subject"] == order["id"]), None)

    discrepancy = wait_for("the discrepancy", find_discrepancy)
    assert discrepancy["kind"] == "picked_up_after_end"
    path = f"/billing/v1/payment-discrepancies/{discrepancy['id']}/closure"
    note = {"note": "She pays for it in the shop"}
    site.employee.call("POST", path, json=note, expect=403)
    closed = site.manager.call("POST", path, json=note).json()
    assert (closed["state"], closed["note"]) == ("closed", note["note"])
    problem = site.manager.call("POST", path, json=note, expect=409).json()
    assert problem["type"].endswith("/discrepancy-not-open")
    assert find_discrepancy() is None

    def find_audit_entry() -> Json | None:
        query = {"action": "close_payment_discrepancy"}
        entries = site.manager.call("GET", "/admin/v1/audit-entries", params=query).json()["items"]
        return next((entry for entry in entries if entry["target"] == discrepancy["id"]), None)

    entry = wait_for("the entry in the audit trail", find_audit_entry)
    assert (entry["before"], entry["after"]) == ({"state": "open"}, {"state": "closed"} | note)
