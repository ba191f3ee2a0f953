"""What billing does for a purchase: coins and cards, cancelling, returning, rewards and donors' shares."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
from services.billing.ledger import money_check
from services.billing.ledger.jobs import find_ledger_faults
from services.billing.payments import lifecycle
from services.billing.payments.purpose import lock_payment
from services.billing.payments.rules import CANCELLED_BY_PROVIDER, ORDER_NOT_KEPT, SALE_NOT_PAID
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from tests.integration.billing.fake_provider import FakeProvider
from tests.integration.billing.shop import Order, Shop, euros
from tests.integration.billing.support import (
    DONATION,
    NEEDS_CHECK,
    move_donation,
    problem,
    register,
    settle_now,
)
from tests.support.harness import Harness, user_id


@pytest.fixture
def shop(billing: Harness, stripe_url: str) -> Shop:
    return Shop(billing, stripe_url)


def faults() -> list[str]:
    with db.unit_of_work(reads_only=True):
        return find_ledger_faults()


def held_by_provider() -> int:
    with db.unit_of_work(reads_only=True):
        return money_check.get_balance("house.provider", "EUR")


def give_up_at_provider(payment_id: str) -> None:
    """The bank set money aside and let it go again before it was taken."""
    with db.unit_of_work() as session:
        payment = session.get_one(Payment, payment_id)
        assert payment.provider_intent_id is not None
        intent = stripe_client.read(payment.provider_intent_id)
        lifecycle.apply_intent(payment, lock_payment(payment), replace(intent, status="canceled"))


def buy(shop: Shop, order: Order, *, coins: bool = False) -> str:
    """Pay for an order and let it be sold; the payment's id."""
    answer = shop.pay(order, coins=coins)
    assert answer.status_code == 201, answer.text
    payment_id: str = answer.json()["id"]
    shop.sell(order)
    settle_now()
    settle_now()
    assert shop.payment(payment_id).state == "captured"
    return payment_id


def test_an_order_is_paid_with_coins_that_are_set_aside_until_it_is_sold(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, 7000)
    answer = shop.pay(order, coins=True)
    assert (answer.status_code, answer.json()["coins"]) == (201, 6401)
    assert shop.balance(order.buyer) == (599, 0)
    [told] = billing.published("billing.payment.authorized.v1")
    assert (told["order_id"], told["amount"]) == (order.id, euros(6401))
    assert billing.published("billing.payment.captured.v1") == []
    for _ in range(2):
        shop.sell(order)
    [told] = billing.published("billing.payment.captured.v1")
    assert (told["payment_id"], told["method"], told["coins"]) == (answer.json()["id"], "coins", 6401)
    assert (shop.balance(order.buyer), held_by_provider(), faults()) == ((599, 0), 0, [])


def test_coins_of_an_order_whose_hold_is_released_come_back_once(shop: Shop) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, 7000)
    payment_id = shop.pay(order, coins=True).json()["id"]
    for _ in range(2):
        shop.release(order)
    assert (shop.balance(order.buyer), shop.payment(payment_id).state) == ((7000, 0), "voided")
    [told] = shop.billing.published("billing.payment.voided.v1")
    assert (told["method"], told["reason_code"]) == ("coins", ORDER_NOT_KEPT)
    assert faults() == []


def test_what_a_coin_is_worth_is_a_setting_and_too_few_coins_leave_the_order_payable(
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
def test_two_orders_paid_with_the_same_coins_at_once_are_paid_once(shop: Shop) -> None:
    first, second = shop.order("rita"), shop.order("rita")
    shop.give_coins("rita", first.total)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda order: shop.pay(order, coins=True), [first, second]))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (shop.balance("rita"), faults()) == ((0, 0), [])


@pytest.mark.real_servers
def test_one_order_paid_by_card_and_with_coins_at_once_has_one_payment(shop: Shop) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, order.total)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda coins: shop.pay(order, coins=coins), [True, False]))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 201, [answer.text for answer in answers]
    seen = shop.send(order.buyer, "GET", "/billing/v1/payments").json()["items"]
    assert len([one for one in seen if one["state"] in ("authorized", "created")]) == 1
    assert faults() == []


def test_a_payment_left_at_the_banks_check_gives_way_to_another(shop: Shop) -> None:
    order = shop.order()
    left = shop.pay(order, number=NEEDS_CHECK).json()
    assert left["state"] == "requires_action"
    assert shop.pay(order).json()["state"] == "authorized"
    given_up = shop.send(order.buyer, "GET", f"/billing/v1/payments/{left['id']}").json()
    assert (given_up["state"], given_up["failure"]["code"], given_up["client_secret"]) == (
        "voided",
        "replaced",
        None,
    )
    assert shop.billing.published("billing.payment.voided.v1") == []


@pytest.mark.parametrize("coins", [False, True])
def test_a_cancelled_order_is_refunded_whole_and_once(billing: Harness, shop: Shop, coins: bool) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, order.total)
    payment_id = buy(shop, order, coins=coins)
    for _ in range(2):
        shop.change_order(order, "cancelled")
        settle_now()
    [told] = billing.published("billing.refund.completed.v1")
    assert (told["order_id"], told["return_id"], told["amount"]) == (order.id, None, euros(6401))
    assert (told["method"], told["coins"]) == (("coins", 6401) if coins else ("card", None))
    payment = shop.send(order.buyer, "GET", f"/billing/v1/payments/{payment_id}").json()
    assert (payment["state"], payment["refunded"]) == ("refunded", euros(6401))
    [refund] = shop.send(order.buyer, "GET", "/billing/v1/refunds", params={"order_id": order.id}).json()["items"]
    assert (refund["id"], refund["state"], refund["reason"]) == (told["refund_id"], "completed", "cancelled")
    assert shop.balance(order.buyer) == (order.total, 0)
    assert coins or shop.refunds_at_provider(payment_id) == [6401]
    assert (held_by_provider(), faults()) == (0, [])


def test_a_cancel_that_comes_before_the_sale_voids_and_the_late_sale_takes_nothing(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.change_order(order, "cancelled")
    shop.sell(order)
    settle_now()
    assert shop.payment(payment_id).state == "voided"
    shop.sell(order)
    assert (held_by_provider(), shop.billing.published("billing.refund.completed.v1")) == (0, [])


def test_a_cancel_that_meets_the_capture_is_captured_then_refunded_once(shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    shop.change_order(order, "cancelled")
    for _ in range(4):
        settle_now()
    assert shop.payment(payment_id).state == "refunded"
    assert shop.refunds_at_provider(payment_id) == [6401]
    assert shop.billing.published("billing.payment.captured.v1") == [], "nobody is to ship it"
    assert len(shop.billing.published("billing.refund.completed.v1")) == 1


def test_an_order_that_ended_cannot_be_paid_even_by_a_payment_that_was_under_way(shop: Shop) -> None:
    order = shop.order()
    left = shop.pay(order, number=NEEDS_CHECK).json()
    shop.billing.deliver(
        "customer.buying_order.expired.v1", {"order_id": order.id, "buyer_id": user_id(order.buyer)}
    )
    settle_now()
    assert shop.payment(left["id"]).state == "voided"
    shop.give_coins(order.buyer, order.total)
    assert problem(shop.pay(order, coins=True)) == (409, "order-not-payable")
    assert problem(shop.pay(order)) == (409, "order-not-payable")
    settle_now()
    assert (shop.balance(order.buyer), held_by_provider()) == ((order.total, 0), 0)


def test_returns_give_back_part_by_part_and_never_more_than_was_taken(billing: Harness, shop: Shop) -> None:
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
    told = [(one["return_id"], one["amount"]["amount"]) for one in billing.published("billing.refund.completed.v1")]
    assert told == [("rbo_" + "1" * 32, 4900), ("rbo_" + "2" * 32, 1000)]
    assert shop.refunds_at_provider(payment_id) == [1000, 4900]
    shop.change_return(order, "checked_good", [coat], 4900, "rbo_" + "3" * 32)
    settle_now()
    assert shop.refunds_at_provider(payment_id) == [501, 1000, 4900]
    assert (held_by_provider(), faults()) == (0, [])


def test_a_refund_of_nothing_is_none(shop: Shop) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_return(order, "refund_decided", order.products, 0)
    settle_now()
    assert (shop.payment(payment_id).refunded, shop.refunds_at_provider(payment_id)) == (0, [])


@pytest.mark.parametrize("pick_up_comes_late", [False, True])
def test_a_pick_up_is_rewarded_once_and_a_return_takes_its_part_back(shop: Shop, pick_up_comes_late: bool) -> None:
    order = shop.order()
    buy(shop, order)
    coat, hat = order.products
    picked_up = [lambda: shop.change_order(order, "picked_up", is_first=True)] * 2
    back = [lambda: shop.change_return(order, "checked_good", [coat], 4900, "rbo_" + "1" * 32)] * 2
    for step in [*back, *picked_up] if pick_up_comes_late else [*picked_up, *back]:
        step()
    assert shop.balance(order.buyer) == (120 - 120 * 4900 // 6401, 0)
    shop.change_return(order, "refund_decided", [hat], 0, "rbo_" + "2" * 32)
    assert shop.balance(order.buyer) == (0, 0)
    assert faults() == []


@pytest.mark.story("rb-r-po-03")
@pytest.mark.parametrize("coins", [False, True])
@pytest.mark.parametrize("agreed_on", [0, 500])
@pytest.mark.parametrize("check_is_heard", ["in time", "late", "never"])
def test_what_was_good_beside_a_bad_piece_is_refunded_at_the_check_and_the_rest_when_it_is_agreed(
    billing: Harness, shop: Shop, coins: bool, agreed_on: int, check_is_heard: str
) -> None:
    order = shop.order()
    shop.give_coins(order.buyer, order.total)
    payment_id = buy(shop, order, coins=coins)
    move_donation(billing, "deposited")
    for place in (0, 1):
        shop.product_sold(order, place, DONATION)
    shop.change_order(order, "picked_up")
    before = shop.balance(order.buyer)[0]
    pieces = {"items": shop.checked(order, "good", "bad")}

    def checked() -> None:
        for _ in range(2):
            shop.change_return(order, "checked_bad", order.products, None, **pieces)

    if check_is_heard == "in time":
        checked()
        settle_now()
        assert [one.amount for one in shop.refunds_of(payment_id)] == [4900]
        assert payouts_of(billing) == [("prepared", 600), ("void", 1960)]
        assert shop.balance(order.buyer)[0] - before == (4900 if coins else 0) - 20 * 4900 // 6401
    for _ in range(2):
        shop.change_return(order, "refund_decided", order.products, 4900 + agreed_on, **pieces)
    if check_is_heard == "late":
        checked()
    settle_now()
    made = shop.refunds_of(payment_id)
    assert sorted(one.amount for one in made) == ([500, 4900] if agreed_on else [4900])
    assert {(one.state, one.return_id) for one in made} == {("completed", "rbo_" + "7" * 32)}
    assert payouts_of(billing) == [("void", 600), ("void", 1960)]
    assert shop.balance(order.buyer)[0] - before == (4900 + agreed_on if coins else 0) - 20
    assert faults() == []


def test_a_sale_that_is_told_again_after_all_its_money_went_back_changes_nothing(shop: Shop) -> None:
    """After a crash between two stores it comes once more, with another id (docs/decisions/0007)."""
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_order(order, "picked_up")
    shop.change_return(order, "checked_good", order.products, order.total)
    settle_now()
    assert shop.payment(payment_id).state == "refunded"
    shop.sell(order)
    settle_now()
    assert (shop.payment(payment_id).state, len(shop.refunds_of(payment_id))) == ("refunded", 1)
    assert shop.billing.published("billing.payment.voided.v1") == []
    assert faults() == []


@pytest.mark.parametrize("state", ["refund_decided", "completed"])
def test_a_return_that_was_given_up_is_refunded_once_whatever_its_check_says_later(shop: Shop, state: str) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_return(order, "refund_decided", order.products, order.total, is_force_cancelled=True)
    found = {"is_force_cancelled": True, "items": shop.checked(order, "good", "bad")}
    shop.change_return(order, state, order.products, order.total, **found)
    settle_now()
    assert [one.amount for one in shop.refunds_of(payment_id)] == [order.total]
    assert faults() == []


@pytest.mark.parametrize("pick_up_comes_late", [False, True])
def test_a_reward_is_decided_once_by_the_setting_of_that_moment(
    shop: Shop, set_setting: Callable[[str, Any], None], pick_up_comes_late: bool
) -> None:
    set_setting("billing.reward_pick_up_coins", 0)
    order = shop.order()
    buy(shop, order)
    first, second = ("completed", "picked_up") if pick_up_comes_late else ("picked_up", "completed")
    shop.change_order(order, first)
    set_setting("billing.reward_pick_up_coins", 20)
    shop.change_order(order, second)
    assert shop.balance(order.buyer) == (0, 0)


def test_a_reward_that_is_spent_when_the_order_comes_back_becomes_a_debt(shop: Shop) -> None:
    order = shop.order()
    buy(shop, order)
    shop.change_order(order, "picked_up")
    other = shop.order(order.buyer, prices=(20,))
    assert shop.pay(other, coins=True).status_code == 201
    shop.change_return(order, "checked_good", order.products, order.total)
    assert shop.balance(order.buyer) == (0, 20)


def payouts_of(billing: Harness) -> list[tuple[str, int]]:
    donor = billing.as_user("ines", "billing:rewards")
    items = donor("GET", "/billing/v1/payouts").json()["items"]
    return sorted((one["state"], one["amount"]["amount"]) for one in items)


def test_a_share_is_due_when_the_return_window_is_over_and_void_for_what_came_back(
    billing: Harness, shop: Shop
) -> None:
    move_donation(billing, "deposited")
    order = shop.order()
    buy(shop, order)
    for place in (0, 1):
        shop.product_sold(order, place, DONATION)
    assert payouts_of(billing) == [("prepared", 600), ("prepared", 1960)]
    shop.change_return(order, "checked_good", order.products[:1], 4900)
    for _ in range(2):
        shop.change_order(order, "completed", products=order.products[1:])
    assert payouts_of(billing) == [("due", 600), ("void", 1960)]
    [told] = billing.published("billing.payout.due.v1")
    assert (told["product_id"], told["amount"]) == (order.products[1], euros(600))
    [undone] = billing.published("billing.payout.voided.v1")
    assert (undone["product_id"], undone["amount"]) == (order.products[0], euros(1960))
    assert (undone["person_id"], undone["order_id"]) == (user_id("ines"), DONATION)
    with db.unit_of_work(reads_only=True):
        assert money_check.get_balance(f"donors.{user_id('ines')}", "EUR") == -600
    assert faults() == []


def test_clothes_that_were_taken_after_their_order_had_ended_are_found_once(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_order(order, "cancelled")
    taken = {"order_id": order.id, "buyer_id": user_id(order.buyer), "at": rfc3339(now())}
    for _ in range(2):
        billing.deliver("customer.buying_order.picked_up_after_end.v1", taken)
    manager = billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    query = {"state": "open"}
    [found] = manager("GET", "/billing/v1/payment-discrepancies", params=query).json()["items"]
    assert (found["kind"], found["subject"]) == ("picked_up_after_end", order.id)
    assert found["payment_id"] == payment_id


@pytest.mark.parametrize("end", ["completed", "cancelled", "returned"])
def test_a_sale_that_is_told_late_follows_what_became_of_the_order(billing: Harness, shop: Shop, end: str) -> None:
    move_donation(billing, "deposited")
    order = shop.order(prices=(4900,))
    buy(shop, order)
    if end == "returned":
        shop.change_return(order, "checked_good", order.products, 4900)
    else:
        shop.change_order(order, end)
    shop.product_sold(order, 0, DONATION)
    assert payouts_of(billing) == ([("due", 1960)] if end == "completed" else [])


def test_old_news_of_a_return_that_was_given_up_makes_no_share_due(billing: Harness, shop: Shop) -> None:
    move_donation(billing, "deposited")
    order = shop.order(prices=(4900,))
    buy(shop, order)
    shop.product_sold(order, 0, DONATION)
    shop.change_order(order, "completed", products=[])
    shop.change_return(order, "expired", order.products, None)
    assert payouts_of(billing) == [("prepared", 1960)], "another return may be on its way"


def test_a_sale_whose_money_cannot_be_taken_is_told_and_found(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    give_up_at_provider(payment_id)
    [told] = billing.published("billing.payment.voided.v1")
    assert (told["order_id"], told["reason_code"]) == (order.id, SALE_NOT_PAID)
    manager = billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    [found] = manager("GET", "/billing/v1/payment-discrepancies").json()["items"]
    assert (found["kind"], found["payment_id"]) == ("sale_not_paid", payment_id)


def test_a_sale_whose_capture_the_bank_refuses_is_force_cancelled_and_found(
    billing: Harness, shop: Shop, provider: FakeProvider
) -> None:
    provider.refuses = "capture"
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    provider.loses = "request"
    settle_now()
    settle_now()
    [told] = billing.published("billing.payment.voided.v1")
    assert (told["order_id"], told["reason_code"]) == (order.id, SALE_NOT_PAID)
    assert shop.payment(payment_id).state == "voided"
    assert provider.intents[payment_id].status == "canceled", "no other card can pay it"
    manager = billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    [found] = manager("GET", "/billing/v1/payment-discrepancies").json()["items"]
    assert (found["kind"], found["payment_id"]) == ("sale_not_paid", payment_id)


def test_a_sale_after_its_payment_was_voided_is_reported_as_unpaid(billing: Harness, shop: Shop) -> None:
    order = shop.order()
    payment_id = shop.pay(order).json()["id"]
    give_up_at_provider(payment_id)
    shop.sell(order)
    first, second = billing.published("billing.payment.voided.v1")
    assert (first["reason_code"], second["reason_code"]) == (CANCELLED_BY_PROVIDER, SALE_NOT_PAID)


def test_staff_see_payments_refunds_and_payouts_and_record_what_was_sent(billing: Harness, shop: Shop) -> None:
    move_donation(billing, "deposited")
    order = shop.order(prices=(4900, 100))
    payment_id = buy(shop, order)
    shop.product_sold(order, 0, DONATION)
    shop.change_return(order, "checked_good", order.products[1:], 100)
    settle_now()
    scopes = "billing:payments:monitor billing:payouts:read billing:payouts:write"
    manager = billing.as_user("marta", scopes, kind="internal", roles=["manager"])
    [seen] = manager("GET", "/billing/v1/monitored-payments", params={"order_id": order.id}).json()["items"]
    assert (seen["id"], seen["refunded"], "client_secret" in seen) == (payment_id, euros(100), False)
    [seen] = manager("GET", "/billing/v1/monitored-refunds", params={"state": "completed"}).json()["items"]
    assert (seen["buyer_id"], seen["amount"]) == (user_id(order.buyer), euros(100))
    [seen] = manager("GET", "/billing/v1/monitored-payouts", params={"state": "prepared"}).json()["items"]
    path, sent = f"/billing/v1/payouts/{seen['id']}/payment", {"reference": "SEPA 42"}
    assert problem(manager("POST", path, json=sent, key="transfer-1")) == (409, "payout-not-due")
    shop.change_order(order, "completed", products=order.products[:1])
    paid = manager("POST", path, json=sent, key="transfer-2").json()
    assert (paid["state"], paid["reference"], paid["paid_at"] is None) == ("paid", "SEPA 42", False)
    assert problem(manager("POST", path, json=sent, key="transfer-3")) == (409, "payout-not-due")
    nowhere = "/billing/v1/payouts/pyo_" + "0" * 32 + "/payment"
    assert manager("POST", nowhere, json=sent, key="transfer-4").status_code == 404
    with db.unit_of_work(reads_only=True):
        assert money_check.get_balance("house.paid_out", "EUR") == -1960
        assert money_check.get_balance(f"donors.{user_id('ines')}", "EUR") == 0
    assert faults() == []


def test_nobody_sees_another_customers_refund(billing: Harness, shop: Shop) -> None:
    register(billing, "rui")
    order = shop.order()
    payment_id = buy(shop, order)
    shop.change_order(order, "cancelled")
    settle_now()
    for params in ({}, {"order_id": order.id}, {"payment_id": payment_id}):
        assert shop.send("rui", "GET", "/billing/v1/refunds", params=params).json()["items"] == []
    assert shop.send(order.buyer, "GET", "/billing/v1/monitored-refunds").status_code == 403
