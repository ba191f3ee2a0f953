"""What a purchase costs, earns and gives back, through both gateways."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.conftest import MakeCustomer
from tests.acceptance.scene import Scene
from tools.demo.people import Customer, Json, Staff, idempotency_key, wait_for


@pytest.fixture
def buyer(new_customer: MakeCustomer) -> Customer:
    return new_customer()


def give_coins(manager: Staff, buyer: Customer, coins: int) -> None:
    body = {"person_id": buyer.user_id, "coins": coins, "note": "A test"}
    manager.call("POST", "/billing/v1/coin-records", json=body, headers=idempotency_key(), expect=201)


def balance(buyer: Customer) -> int:
    coins: int = buyer.call("GET", "/billing/v1/coins").json()["balance"]
    return coins


def pay_with_coins(buyer: Customer, order_id: str, *, expect: int = 201) -> Json:
    body = {"order_id": order_id, "method": "coins"}
    payment: Json = buyer.call(
        "POST", "/billing/v1/payments", json=body, headers=idempotency_key(), expect=expect
    ).json()
    return payment


def refund_of(buyer: Customer, order_id: str) -> Json:
    def read() -> Json | None:
        found = buyer.call("GET", "/billing/v1/refunds", params={"order_id": order_id}).json()["items"]
        return found[0] if found and found[0]["state"] == "made" else None

    return wait_for(f"the refund of {order_id}", read)


@pytest.mark.story("b-bu-04")
def test_an_order_is_paid_by_card_or_with_coins(
    buyer: Customer, manager: Staff, published_coat: Callable[..., str]
) -> None:
    location_id = buyer.locations()[0]["id"]
    worth = buyer.call("GET", "/billing/v1/payment-configuration", anonymous=True).json()["coin_value"]
    assert worth == {"amount": 1, "currency": "EUR"}

    order = buyer.place_order([published_coat(price=1200)], location_id)
    assert pay_with_coins(buyer, order["id"], expect=409)["type"].endswith("/not-enough-coins")
    give_coins(manager, buyer, 1500)
    payment = pay_with_coins(buyer, order["id"])
    assert (payment["method"], payment["coins"]) == ("coins", 1200)
    assert balance(buyer) == 300
    buyer.wait_for_order(order["id"], "paid")

    order = buyer.place_order([published_coat(price=1200)], location_id)
    declined = buyer.pay(order["id"], buyer.card("4000000000000341"), expect=402)
    assert "nothing was charged" in declined["detail"]
    assert buyer.pay(order["id"], buyer.card())["method"] == "card"
    buyer.wait_for_order(order["id"], "paid")
    assert balance(buyer) == 300


@pytest.mark.story("rb-c-02")
@pytest.mark.parametrize("method", ["card", "coins"])
def test_a_cancelled_order_gives_the_money_or_coins_back_once(
    buyer: Customer, manager: Staff, published_coat: Callable[..., str], method: str
) -> None:
    give_coins(manager, buyer, 4900)
    order = buyer.place_order([published_coat(price=4900)], buyer.locations()[0]["id"])
    payment = pay_with_coins(buyer, order["id"]) if method == "coins" else buyer.pay(order["id"], buyer.card())
    buyer.wait_for_order(order["id"], "paid")
    for _ in range(2):
        buyer.cancel_order(order["id"])
    refund = refund_of(buyer, order["id"])
    assert (refund["payment_id"], refund["amount"]["amount"], refund["method"]) == (payment["id"], 4900, method)
    query = {"order_id": order["id"]}
    assert len(manager.call("GET", "/billing/v1/monitored-refunds", params=query).json()["items"]) == 1
    [seen] = manager.call("GET", "/billing/v1/monitored-payments", params=query).json()["items"]
    assert (seen["state"], seen["refunded"]["amount"]) == ("refunded", 4900)
    assert balance(buyer) == 4900


@pytest.mark.story("b-po-04")
@pytest.mark.story("rb-r-po-03")
def test_a_pick_up_brings_coins_and_a_return_takes_its_part_back(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id = published_coat(price=4900), published_coat(price=100, title="Straw hat", category="hats")
    order = scene.deliver(buyer, coat_id, hat_id)
    wait_for("the coins", lambda: True if balance(buyer) == 120 else None)

    made = buyer.return_purchase(order["id"], scene.location_id, coat_id)
    scene.check(scene.take_back(buyer, made), "good")
    refund = refund_of(buyer, order["id"])
    assert (refund["return_id"], refund["amount"]["amount"]) == (made["id"], 4900)
    buyer.wait_for_purchase_return(made["id"], "completed")
    left = 120 - 120 * 4900 // 5000
    wait_for("the part of the rewards", lambda: True if balance(buyer) == left else None)


@pytest.mark.story("d-po-10")
def test_a_share_waits_for_the_return_window_and_is_void_when_the_piece_comes_back(
    buyer: Customer, new_customer: MakeCustomer, scene: Scene
) -> None:
    donor = new_customer()
    donation = scene.donate(donor)
    scene.check(scene.collect(donor, donation["id"]), "good")
    donor.wait_for_donation(donation["id"], "checked_good")
    order = scene.deliver(buyer, scene.shelve(donation))

    def payout_in(state: str) -> Json:
        def read() -> Json | None:
            found = donor.call("GET", "/billing/v1/payouts").json()["items"]
            return found[0] if found and found[0]["state"] == state else None

        return wait_for(f"a share that is {state}", read)

    assert payout_in("prepared")["amount"] == {"amount": 1960, "currency": "EUR"}
    path = f"/billing/v1/payouts/{payout_in('prepared')['id']}/payment"
    early = scene.manager.call("POST", path, json={"reference": "x42"}, headers=idempotency_key(), expect=409)
    assert early.json()["type"].endswith("/payout-not-due")
    made = buyer.return_purchase(order["id"], scene.location_id)
    scene.check(scene.take_back(buyer, made), "good")
    payout_in("void")
    assert "€19.60 is not paid out" in donor.wait_for_notification("payout-void", donation["id"])["text"]


def test_staff_see_what_does_not_agree_with_the_provider_and_others_do_not(
    buyer: Customer, manager: Staff, employee: Staff
) -> None:
    found = manager.call("GET", "/billing/v1/payment-discrepancies", params={"state": "open"}).json()["items"]
    assert all(finding["detail"] for finding in found)
    employee.call("GET", "/billing/v1/payment-discrepancies", expect=403)
    buyer.call("GET", "/billing/v1/payment-discrepancies", expect=404)


@pytest.mark.story("mf-bo-02")
def test_clothes_that_are_taken_after_their_order_was_given_up_are_for_a_manager_to_close(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    order = scene.buy(buyer, coat_id)
    scene.ship(buyer, scene.pack(order["id"]))
    [door] = scene.open_soon(buyer, order["id"])
    path = f"/customer/v1/monitored-buying-orders/{order['id']}/forced-cancellation"
    body = {"reason": "Nobody heard of the box", "missing_product_ids": [coat_id]}
    scene.manager.call("POST", path, json=body)
    scene.controller.close_door(door, is_occupied=False)

    def found() -> Json | None:
        query = {"state": "open"}
        listed = scene.manager.call("GET", "/billing/v1/payment-discrepancies", params=query).json()["items"]
        return next((one for one in listed if one["subject"] == order["id"]), None)

    finding = wait_for("the finding", found)
    assert finding["kind"] == "taken_after_end"
    path = f"/billing/v1/payment-discrepancies/{finding['id']}/closure"
    note = {"note": "She pays for it in the shop"}
    scene.employee.call("POST", path, json=note, expect=403)
    closed = scene.manager.call("POST", path, json=note).json()
    assert (closed["state"], closed["note"]) == ("closed", note["note"])
    again = scene.manager.call("POST", path, json=note, expect=409).json()
    assert again["type"].endswith("/discrepancy-not-open")
    assert found() is None

    def audited() -> Json | None:
        query = {"action": "close_payment_discrepancy"}
        entries = scene.manager.call("GET", "/admin/v1/audit-entries", params=query).json()["items"]
        return next((one for one in entries if one["target"] == finding["id"]), None)

    entry = wait_for("the entry of the audit trail", audited)
    assert (entry["before"], entry["after"]) == ({"state": "open"}, {"state": "closed"} | note)
