"""Purchases: payments by card and with coins, cancellations, returns, rewards and the shares of donors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
from services.billing.ledger import money_check
from services.billing.payments import lifecycle
from services.billing.payments.purpose import lock_payment
from services.billing.payments.rules import CANCELLED_BY_PROVIDER, ORDER_ENDED, SALE_NOT_PAID
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from tests.integration.billing.fake_provider import FakeProvider
from tests.integration.billing.shop import Order, Shop, euros
from tests.integration.billing.support import (
    DONATION,
    NEEDS_CHECK,
    change_donation,
    ledger_faults,
    problem,
    register,
    settle_now,
)
from tests.support.harness import Harness, user_id


@pytest.fixture
def shop(billing: Harness, stripe_url: str) -> Shop:
    return Shop(billing, stripe_url)


def held_by_provider() -> int:
    with db.unit_of_work(reads_only=True):
        return money_check.get_balance("house.provider", "EUR")


def cancel_at_provider(payment_id: str) -> None:
    """Apply a cancellation of the authorization by the provider."""
    with db.unit_of_work() as session:
        payment = session.get_one(Payment, payment_id)
        assert payment.provider_intent_id is not None
        intent = stripe_client.read(payment.provider_intent_id)
        lifecycle.apply_intent(payment, lock_payment(payment), replace(intent, status="canceled"))


def buy(shop: Shop, order: Order, *, coins: bool = False) -> str:
    """Pay for an order and sell it; the payment id."""
    response = shop.pay(order, coins=coins)
    assert response.status_code == 201, response.text
    payment_id: str = response.json()["id"]
    shop.sell(order)
    settle_now()
    settle_now()
    assert shop.payment(payment_id).state == "captured"
    return payment_id


def test_an_order_is_paid_with_coins_that_are_set_aside_until_it_is_sold(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, 7000)
    response = shop.pay(order, coins=True)
    assert (response.status_code, response.json()["coins"]) == (201, 6401)
    assert shop.balance(order.buyer) == (599, 0)
    [event] = billing.published("billing.payment.authorized.v1")
    assert (event["order_id"], event["amount"]) == (order.id, euros(6401))
    assert billing.published("billing.payment.captured.v1") == []
    for _ in range(2):
        shop.sell(order)
    [event] = billing.published("billing.payment.captured.v1")
    assert (event["payment_id"], event["method"], event["coins"]) == (response.json()["id"], "coins", 6401)
    assert (shop.balance(order.buyer), held_by_provider(), ledger_faults()) == ((599, 0), 0, [])


def test_coins_are_returned_once_when_the_hold_is_released(shop: Shop) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, 7000)
    payment_id = shop.pay(order, coins=True).json()["id"]
    for _ in range(2):
        shop.release(order)
    assert (shop.balance(order.buyer), shop.payment(payment_id).state) == ((7000, 0), "voided")
    [event] = shop.billing.published("billing.payment.voided.v1")
    assert (event["method"], event["reason_code"]) == ("coins", ORDER_ENDED)
    assert ledger_faults() == []


def test_the_coin_value_is_a_setting_and_too_few_coins_leave_the_order_payable(
    shop: Shop, set_setting: Callable[[str, Any], None]
) -> None:
    set_setting("billing.coin_value", 10)
    order = shop.order()
    shop.give_coins(order.buyer, 640)
    assert problem(shop.pay(order, coins=True)) == (409, "not-enough-coins")
    shop.give_coins(order.buyer, 1)
    assert shop.pay(order, coins=True).json()["coins"] == 641
    assert shop.balance(order.buyer) == (0, 0)


@pytest.mark.real_servers
def test_the_same_coins_cannot_pay_two_orders_concurrently(shop: Shop) -> None:
    first, second = shop.order("rita"), shop.order("rita")
    shop.give_coins("rita", first.total)
    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda order: shop.pay(order, coins=True), [first, second]))
    assert sorted(response.status_code for response in responses) == [201, 409]
    assert (shop.balance("rita"), ledger_faults()) == ((0, 0), [])


@pytest.mark.real_servers
def test_concurrent_payments_by_card_and_with_coins_leave_one_payment(shop: Shop) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, order.total)
    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda coins: shop.pay(order, coins=coins), [True, False]))
    codes = sorted(response.status_code for response in responses)
    assert codes[0] == 201, [response.text for response in responses]
    payments = shop.send(order.buyer, "GET", "/billing/v1/payments").json()["items"]
    assert len([payment for payment in payments if payment["state"] in ("authorized", "created")]) == 1
    assert ledger_faults() == []


def test_a_payment_abandoned_at_the_banks_check_is_replaced_by_the_next(shop: Shop) -> None:
    order = shop.order()
    pending = shop.pay(order, number=NEEDS_CHECK).json()
    assert pending["state"] == "requires_action"
    assert shop.pay(order).json()["state"] == "authorized"
    replaced = shop.send(order.buyer, "GET", f"/billing/v1/payments/{pending['id']}").json()
    assert (replaced["state"], replaced["failure"]["code"], replaced["client_secret"]) == (
        "voided",
        "replaced",
        None,
    )
    assert shop.billing.published("billing.payment.voided.v1") == []


@pytest.mark.parametrize("coins", [False, True])
def test_a_cancelled_order_is_refunded_in_full_once(billing: Harness, shop: Shop, coins: bool) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, order.total)
    payment_id = buy(shop, order, coins=coins)
    for _ in range(2):
        shop.change_order(order, "cancelled")
        settle_now()
    [event] = billing.published("billing.refund.completed.v1")
    assert (event["order_id"], event["return_id"], event["amount"]) == (order.id, None, euros(6401))
    assert (event["method"], event["coins"]) == (("coins", 6401) if coins else ("card", None))
    payment = shop.send(order.buyer, "GET", f"/billing/v1/payments/{payment_id}").json()
    assert (payment["state"], payment["refunded"]) == ("refunded", euros(6401))
    [refund] = shop.send(order.buyer, "GET", "/billing/v1/refunds", params={"order_id": order.id}).json()["items"]
    assert (refund["id"], refund["state"], refund["reason"]) == (event["refund_id"], "completed", "cancelled")
    assert shop.balance(order.buyer) == (order.total, 0)
    assert coins or shop.refunds_at_provider(payment_id) == [6401]
    assert (held_by_provider(), ledger_faults()) == (0, [])


def test_a_cancellation_before_the_sale_voids_the_payment_and_a_late_sale_captures_nothing(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.change_order(order, "cancelled")
    shop.sell(order)
    settle_now()
    assert shop.payment(payment_id).state == "voided"
    shop.sell(order)
    assert (held_by_provider(), shop.billing.published("billing.refund.completed.v1")) == (0, [])


def test_a_cancellation_during_the_capture_is_refunded_once(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    shop.change_order(order, "cancelled")
    for _ in range(4):
        settle_now()
    assert shop.payment(payment_id).state == "refunded"
    assert shop.refunds_at_provider(payment_id) == [6401]
    assert shop.billing.published("billing.payment.captured.v1") == [], "it must not be shipped"
    assert len(shop.billing.published("billing.refund.completed.v1")) == 1


def test_an_order_that_has_ended_cannot_be_paid_by_a_pending_or_a_new_payment(shop: Shop) -> None:
    order = shop.order()
    pending = shop.pay(order, number=NEEDS_CHECK).json()
    shop.billing.deliver(
        "customer.buying_order.expired.v1", {"order_id": order.id, "buyer_id": user_id(order.buyer)}
    )
    settle_now()
    assert shop.payment(pending["id"]).state == "voided"
    shop.give_coins(order.buyer, order.total)
    assert problem(shop.pay(order, coins=True)) == (409, "order-not-payable")
    assert problem(shop.pay(order)) == (409, "order-not-payable")
    settle_now()
    assert (shop.balance(order.buyer), held_by_provider()) == ((order.total, 0), 0)


def test_partial_refunds_never_exceed_the_payment(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    coat, hat = order.products
    for _ in range(2):
        shop.change_return(order, "checked_good", [coat], 4900, "rbo_" + "1" * 32)
        settle_now()
    assert shop.payment(payment_id).state == "captured"
    shop.change_return(order, "checked_bad", [hat], None, "rbo_" + "2" * 32)
    for _ in range(2):
        shop.change_return(order, "refund_decided", [hat], 1000, "rbo_" + "2" * 32)
        settle_now()
    refunds = [
        (event["return_id"], event["amount"]["amount"])
        for event in billing.published("billing.refund.completed.v1")
    ]
    assert refunds == [("rbo_" + "1" * 32, 4900), ("rbo_" + "2" * 32, 1000)]
    assert shop.refunds_at_provider(payment_id) == [1000, 4900]
    shop.change_return(order, "checked_good", [coat], 4900, "rbo_" + "3" * 32)
    settle_now()
    assert shop.refunds_at_provider(payment_id) == [501, 1000, 4900]
    assert (held_by_provider(), ledger_faults()) == (0, [])


def test_a_refund_of_zero_creates_no_refund(shop: Shop) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_return(order, "refund_decided", order.products, 0)
    settle_now()
    assert (shop.payment(payment_id).refunded, shop.refunds_at_provider(payment_id)) == (0, [])


@pytest.mark.parametrize("is_pick_up_late", [False, True])
def test_a_pick_up_is_rewarded_once_and_a_return_takes_back_its_share(shop: Shop, is_pick_up_late: bool) -> None:
    order = shop.order()
    buy(shop, order)
    coat, hat = order.products
    picked_up = [lambda: shop.change_order(order, "picked_up", is_first=True)] * 2
    returned = [lambda: shop.change_return(order, "checked_good", [coat], 4900, "rbo_" + "1" * 32)] * 2
    for step in [*returned, *picked_up] if is_pick_up_late else [*picked_up, *returned]:
        step()
    assert shop.balance(order.buyer) == (120 - 120 * 4900 // 6401, 0)
    shop.change_return(order, "refund_decided", [hat], 0, "rbo_" + "2" * 32)
    assert shop.balance(order.buyer) == (0, 0)
    assert ledger_faults() == []


@pytest.mark.story("rb-r-po-03")
@pytest.mark.parametrize("coins", [False, True])
@pytest.mark.parametrize("decided_amount", [0, 500])
@pytest.mark.parametrize("check_event", ["in time", "late", "never"])
def test_good_products_are_refunded_at_the_check_and_bad_ones_by_decision(
    billing: Harness, shop: Shop, coins: bool, decided_amount: int, check_event: str
) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, order.total)
    payment_id = buy(shop, order, coins=coins)
    change_donation(billing, "deposited")
    for index in (0, 1):
        shop.product_sold(order, index, DONATION)
    shop.change_order(order, "picked_up")
    balance_before = shop.balance(order.buyer)[0]
    items = {"items": shop.checked(order, "good", "bad")}

    def checked() -> None:
        for _ in range(2):
            shop.change_return(order, "checked_bad", order.products, None, **items)

    if check_event == "in time":
        checked()
        settle_now()
        assert [refund.amount for refund in shop.refunds(payment_id)] == [4900]
        assert list_payouts(billing) == [("prepared", 600), ("void", 1960)]
        assert shop.balance(order.buyer)[0] - balance_before == (4900 if coins else 0) - 20 * 4900 // 6401
    for _ in range(2):
        shop.change_return(order, "refund_decided", order.products, 4900 + decided_amount, **items)
    if check_event == "late":
        checked()
    settle_now()
    refunds = shop.refunds(payment_id)
    assert sorted(refund.amount for refund in refunds) == ([500, 4900] if decided_amount else [4900])
    assert {(refund.state, refund.return_id) for refund in refunds} == {("completed", "rbo_" + "7" * 32)}
    assert list_payouts(billing) == [("void", 600), ("void", 1960)]
    assert shop.balance(order.buyer)[0] - balance_before == (4900 + decided_amount if coins else 0) - 20
    assert ledger_faults() == []


def test_a_duplicate_sale_after_a_full_refund_changes_nothing(shop: Shop) -> None:
    """After a crash between two stores the event is published again with another id (docs/decisions/0007)."""
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_order(order, "picked_up")
    shop.change_return(order, "checked_good", order.products, order.total)
    settle_now()
    assert shop.payment(payment_id).state == "refunded"
    shop.sell(order)
    settle_now()
    assert (shop.payment(payment_id).state, len(shop.refunds(payment_id))) == ("refunded", 1)
    assert shop.billing.published("billing.payment.voided.v1") == []
    assert ledger_faults() == []


@pytest.mark.parametrize("state", ["refund_decided", "completed"])
def test_a_force_cancelled_return_is_refunded_once_whatever_its_later_check_result(shop: Shop, state: str) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_return(order, "refund_decided", order.products, order.total, is_force_cancelled=True)
    check = {"is_force_cancelled": True, "items": shop.checked(order, "good", "bad")}
    shop.change_return(order, state, order.products, order.total, **check)
    settle_now()
    assert [refund.amount for refund in shop.refunds(payment_id)] == [order.total]
    assert ledger_faults() == []


@pytest.mark.parametrize("is_pick_up_late", [False, True])
def test_a_reward_is_decided_once_by_the_setting_at_that_time(
    shop: Shop, set_setting: Callable[[str, Any], None], is_pick_up_late: bool
) -> None:
    set_setting("billing.reward_pick_up_coins", 0)
    order = shop.order()
    buy(shop, order)
    first, second = ("completed", "picked_up") if is_pick_up_late else ("picked_up", "completed")
    shop.change_order(order, first)
    set_setting("billing.reward_pick_up_coins", 20)
    shop.change_order(order, second)
    assert shop.balance(order.buyer) == (0, 0)


def test_a_reward_spent_before_the_return_becomes_a_debt(shop: Shop) -> None:
    order = shop.order()
    buy(shop, order)
    shop.change_order(order, "picked_up")
    other = shop.order(order.buyer, prices=(20,))
    assert shop.pay(other, coins=True).status_code == 201
    shop.change_return(order, "checked_good", order.products, order.total)
    assert shop.balance(order.buyer) == (0, 20)


def list_payouts(billing: Harness) -> list[tuple[str, int]]:
    donor = billing.as_user("ines", "billing:rewards")
    items = donor("GET", "/billing/v1/payouts").json()["items"]
    return sorted((item["state"], item["amount"]["amount"]) for item in items)


def test_a_payout_is_due_after_the_return_window_and_void_for_returned_products(
    billing: Harness, shop: Shop
) -> None:
    change_donation(billing, "deposited")
    order = shop.order()
    buy(shop, order)
    for index in (0, 1):
        shop.product_sold(order, index, DONATION)
    assert list_payouts(billing) == [("prepared", 600), ("prepared", 1960)]
    shop.change_return(order, "checked_good", order.products[:1], 4900)
    for _ in range(2):
        shop.change_order(order, "completed", products=order.products[1:])
    assert list_payouts(billing) == [("due", 600), ("void", 1960)]
    [event] = billing.published("billing.payout.due.v1")
    assert (event["product_id"], event["amount"]) == (order.products[1], euros(600))
    [voided] = billing.published("billing.payout.voided.v1")
    assert (voided["product_id"], voided["amount"]) == (order.products[0], euros(1960))
    assert (voided["person_id"], voided["order_id"]) == (user_id("ines"), DONATION)
    with db.unit_of_work(reads_only=True):
        assert money_check.get_balance(f"donors.{user_id('ines')}", "EUR") == -600
    assert ledger_faults() == []


def test_a_pick_up_after_the_end_of_the_order_is_reported_once(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_order(order, "cancelled")
    data = {"order_id": order.id, "buyer_id": user_id(order.buyer), "at": rfc3339(now())}
    for _ in range(2):
        billing.deliver("customer.buying_order.picked_up_after_end.v1", data)
    manager = billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    query = {"state": "open"}
    [discrepancy] = manager("GET", "/billing/v1/payment-discrepancies", params=query).json()["items"]
    assert (discrepancy["kind"], discrepancy["subject"]) == ("picked_up_after_end", order.id)
    assert discrepancy["payment_id"] == payment_id


@pytest.mark.parametrize("end", ["completed", "cancelled", "returned"])
def test_the_payout_of_a_late_sale_event_follows_the_state_of_the_order(
    billing: Harness, shop: Shop, end: str
) -> None:
    change_donation(billing, "deposited")
    order = shop.order(prices=(4900,))
    buy(shop, order)
    if end == "returned":
        shop.change_return(order, "checked_good", order.products, 4900)
    else:
        shop.change_order(order, end)
    shop.product_sold(order, 0, DONATION)
    assert list_payouts(billing) == ([("due", 1960)] if end == "completed" else [])


def test_an_expired_return_makes_no_payout_due(billing: Harness, shop: Shop) -> None:
    change_donation(billing, "deposited")
    order = shop.order(prices=(4900,))
    buy(shop, order)
    shop.product_sold(order, 0, DONATION)
    shop.change_order(order, "completed", products=[])
    shop.change_return(order, "expired", order.products, None)
    assert list_payouts(billing) == [("prepared", 1960)], "another return may follow"


def test_a_sale_that_cannot_be_captured_is_published_and_reported(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    cancel_at_provider(payment_id)
    [event] = billing.published("billing.payment.voided.v1")
    assert (event["order_id"], event["reason_code"]) == (order.id, SALE_NOT_PAID)
    manager = billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    [discrepancy] = manager("GET", "/billing/v1/payment-discrepancies").json()["items"]
    assert (discrepancy["kind"], discrepancy["payment_id"]) == ("sale_not_paid", payment_id)


def test_a_sale_whose_capture_the_bank_refuses_is_published_and_reported(
    billing: Harness, shop: Shop, provider: FakeProvider
) -> None:
    provider.refuses = "capture"
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    provider.loses = "request"
    settle_now()
    settle_now()
    [event] = billing.published("billing.payment.voided.v1")
    assert (event["order_id"], event["reason_code"]) == (order.id, SALE_NOT_PAID)
    assert shop.payment(payment_id).state == "voided"
    assert provider.intents[payment_id].status == "canceled", "no other card can pay it"
    manager = billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    [discrepancy] = manager("GET", "/billing/v1/payment-discrepancies").json()["items"]
    assert (discrepancy["kind"], discrepancy["payment_id"]) == ("sale_not_paid", payment_id)


def test_a_sale_after_its_payment_was_voided_is_reported_as_unpaid(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    cancel_at_provider(payment_id)
    shop.sell(order)
    first, second = billing.published("billing.payment.voided.v1")
    assert (first["reason_code"], second["reason_code"]) == (CANCELLED_BY_PROVIDER, SALE_NOT_PAID)


def test_staff_list_payments_refunds_and_payouts_and_record_a_transfer(billing: Harness, shop: Shop) -> None:
    change_donation(billing, "deposited")
    order = shop.order(prices=(4900, 100))
    payment_id = buy(shop, order)
    shop.product_sold(order, 0, DONATION)
    shop.change_return(order, "checked_good", order.products[1:], 100)
    settle_now()
    scopes = "billing:payments:monitor billing:payouts:read billing:payouts:write"
    manager = billing.as_user("marta", scopes, kind="internal", roles=["manager"])
    [item] = manager("GET", "/billing/v1/monitored-payments", params={"order_id": order.id}).json()["items"]
    assert (item["id"], item["refunded"], "client_secret" in item) == (payment_id, euros(100), False)
    [item] = manager("GET", "/billing/v1/monitored-refunds", params={"state": "completed"}).json()["items"]
    assert (item["buyer_id"], item["amount"]) == (user_id(order.buyer), euros(100))
    [item] = manager("GET", "/billing/v1/monitored-payouts", params={"state": "prepared"}).json()["items"]
    path, transfer = f"/billing/v1/payouts/{item['id']}/payment", {"reference": "SEPA 42"}
    assert problem(manager("POST", path, json=transfer, key="transfer-1")) == (409, "payout-not-due")
    shop.change_order(order, "completed", products=order.products[:1])
    paid = manager("POST", path, json=transfer, key="transfer-2").json()
    assert (paid["state"], paid["reference"], paid["paid_at"] is None) == ("paid", "SEPA 42", False)
    assert problem(manager("POST", path, json=transfer, key="transfer-3")) == (409, "payout-not-due")
    unknown = "/billing/v1/payouts/pyo_" + "0" * 32 + "/payment"
    assert manager("POST", unknown, json=transfer, key="transfer-4").status_code == 404
    with db.unit_of_work(reads_only=True):
        assert money_check.get_balance("house.paid_out", "EUR") == -1960
        assert money_check.get_balance(f"donors.{user_id('ines')}", "EUR") == 0
    assert ledger_faults() == []


def test_a_customer_cannot_see_refunds_of_others(billing: Harness, shop: Shop) -> None:
    register(billing, "rui")
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_order(order, "cancelled")
    settle_now()
    for params in ({}, {"order_id": order.id}, {"payment_id": payment_id}):
        assert shop.send("rui", "GET", "/billing/v1/refunds", params=params).json()["items"] == []
    assert shop.send(order.buyer, "GET", "/billing/v1/monitored-refunds").status_code == 403
