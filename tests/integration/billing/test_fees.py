"""Fees of cancelled and returned donations, on both databases, with the real `stripe` library."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from libs.chassis import db
from libs.chassis.clock import now
from services.billing.fees.tables import Fee
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.refunds.tables import Refund
from tests.integration.billing.fake_provider import FakeProvider
from tests.integration.billing.support import (
    DECLINED,
    DONATION,
    NEEDS_CHECK,
    RETURN,
    Client,
    card,
    change_donation,
    change_donation_return,
    environment,
    problem,
    register,
    reset_provider,
    settle_now,
)
from tests.integration.billing.test_card_payments import webhook
from tests.support import servers
from tests.support.harness import Harness, running, user_id

SetSetting = Callable[[str, Any], None]


def get_only_fee(client: Client) -> dict[str, Any]:
    fees: list[dict[str, Any]] = client("GET", "/billing/v1/fees").json()["items"]
    [fee] = fees
    return fee


@pytest.fixture
def fee(billing: Harness, donor: Client) -> dict[str, Any]:
    """An occupation fee that is due."""
    change_donation(billing, "deposited")
    change_donation(billing, "cancelling", minute=1)
    return get_only_fee(donor)


def pay(client: Client, fee: dict[str, Any], payment_method: str | None, key: str = "fee-key-1") -> httpx.Response:
    by_card = {"method": "card", "payment_method": payment_method}
    body = {"method": "coins"} if payment_method is None else by_card
    return client("POST", f"/billing/v1/fees/{fee['id']}/payments", json=body, key=key)


def give_coins(billing: Harness, manager: Client, coins: int) -> None:
    register(billing, "ines")
    body = {"person_id": user_id("ines"), "coins": coins, "note": "For the test"}
    assert manager("POST", "/billing/v1/coin-records", json=body, key=f"gift-{coins}-1").status_code == 201


def get_coins(client: Client) -> int:
    balance: int = client("GET", "/billing/v1/coins").json()["balance"]
    return balance


def get_state(client: Client, fee: dict[str, Any]) -> str:
    state: str = client("GET", f"/billing/v1/fees/{fee['id']}").json()["state"]
    return state


def authenticate(stripe_url: str, payment: dict[str, Any], *, success: bool) -> None:
    """Do what the provider's script does in the browser for the bank's own check."""
    form = {"client_secret": payment["client_secret"], "success": str(success).lower(), "key": "pk_test_12345"}
    httpx.post(f"{stripe_url}/v1/payment_intents/{get_intent_id(payment)}/_authenticate", data=form)


def get_intent_id(payment: dict[str, Any]) -> str:
    with db.unit_of_work(reads_only=True) as session:
        intent_id = session.get_one(Payment, payment["id"]).provider_intent_id
    assert intent_id is not None
    return intent_id


def list_refunds_at_provider(stripe_url: str, intent_id: str) -> list[int]:
    headers = {"Authorization": "Bearer sk_test_12345"}
    params = {"payment_intent": intent_id}
    refunds = httpx.get(f"{stripe_url}/v1/refunds", params=params, headers=headers).json()["data"]
    return [refund["amount"] for refund in refunds]


def test_cancelling_a_deposit_charges_the_occupation_fee_once(billing: Harness, donor: Client) -> None:
    change_donation(billing, "deposited")
    for _ in range(2):
        change_donation(billing, "cancelling", minute=1)
    fee = get_only_fee(donor)
    assert (fee["kind"], fee["order_id"], fee["state"]) == ("occupation", DONATION, "due")
    assert (fee["amount"], fee["coins"]) == ({"amount": 300, "currency": "EUR"}, 300)
    [event] = billing.published("billing.fee.due.v1")
    assert (event["fee_id"], event["payer_id"]) == (fee["id"], user_id("ines"))


def test_returning_a_donation_charges_the_delivery_fee_once(billing: Harness, donor: Client) -> None:
    change_donation(billing, "collected")
    for _ in range(2):
        change_donation_return(billing, "created", minute=1)
    fee = get_only_fee(donor)
    assert (fee["kind"], fee["order_id"], fee["amount"]["amount"]) == ("delivery", RETURN, 450)


def test_a_card_is_charged_immediately_and_the_fee_is_paid_once(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    payment_method = card(stripe_url)
    response = pay(donor, fee, payment_method)
    payment = response.json()
    assert (response.status_code, payment["state"], payment["fee_id"]) == (201, "captured", fee["id"])
    assert response.headers["Location"] == f"/billing/v1/payments/{payment['id']}"
    assert stripe_client.read(get_intent_id(payment)).status == "succeeded"
    assert pay(donor, fee, payment_method).json() == payment
    assert problem(pay(donor, fee, payment_method, "fee-key-2")) == (409, "fee-not-payable")
    for event_id in ("evt_1", "evt_2"):
        assert webhook(billing, get_intent_id(payment), event_id=event_id, amount=300).status_code == 200
    settle_now()
    [event] = billing.published("billing.fee.paid.v1")
    assert (event["fee_id"], event["order_id"], event["amount"]["amount"]) == (fee["id"], DONATION, 300)
    paid = get_only_fee(donor)
    assert (paid["state"], paid["paid_at"]) == ("paid", event["paid_at"])
    for name in ("authorized", "captured", "voided"):  # these events are of buying orders only
        assert billing.published(f"billing.payment.{name}.v1") == []
    receipt = donor("GET", f"/billing/v1/payments/{payment['id']}/receipt").json()
    assert (receipt["lines"], receipt["total"]["amount"], receipt["card"]["last4"]) == ([], 300, "4242")


def test_coins_pay_a_fee_through_the_ledger(
    billing: Harness, donor: Client, manager: Client, fee: dict[str, Any]
) -> None:
    give_coins(billing, manager, 300)
    response = pay(donor, fee, None)
    assert (response.status_code, response.json()["coins"], response.json()["state"]) == (201, 300, "captured")
    assert pay(donor, fee, None).json() == response.json()
    assert problem(pay(donor, fee, None, "fee-key-2")) == (409, "fee-not-payable")
    assert (get_coins(donor), get_state(donor, fee)) == (50, "paid")
    [record, *_] = donor("GET", "/billing/v1/coin-records").json()["items"]
    assert (record["reason"], record["coins"], record["order_id"]) == ("spent", -300, DONATION)
    assert len(billing.published("billing.fee.paid.v1")) == 1
    receipt = donor("GET", f"/billing/v1/payments/{response.json()['id']}/receipt")
    assert problem(receipt) == (409, "no-receipt")


def test_too_few_coins_take_nothing_and_leave_the_fee_payable_by_card(
    billing: Harness, donor: Client, manager: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    give_coins(billing, manager, 249)  # and 50 for the deposit
    assert problem(pay(donor, fee, None)) == (409, "not-enough-coins")
    assert (get_coins(donor), get_state(donor, fee)) == (299, "due")
    assert pay(donor, fee, card(stripe_url), "fee-key-2").status_code == 201
    assert (get_coins(donor), get_state(donor, fee)) == (299, "paid")


def test_the_coin_price_uses_the_coin_value_setting_and_is_rounded_up(
    billing: Harness, donor: Client, set_setting: SetSetting
) -> None:
    set_setting("billing.coin_value", 7)
    change_donation(billing, "cancelling")
    assert get_only_fee(donor)["coins"] == 43


def test_a_fee_of_zero_is_paid_immediately(billing: Harness, donor: Client, set_setting: SetSetting) -> None:
    set_setting("billing.occupation_fee", 0)
    change_donation(billing, "cancelling")
    assert get_only_fee(donor)["state"] == "paid"
    assert len(billing.published("billing.fee.due.v1")) == len(billing.published("billing.fee.paid.v1")) == 1
    change_donation(billing, "collected", minute=1)
    assert get_only_fee(donor)["state"] == "refunded"


def test_the_fee_of_another_customer_is_not_found(billing: Harness, fee: dict[str, Any], stripe_url: str) -> None:
    rui = billing.as_user("rui", "billing:fees")
    assert rui("GET", f"/billing/v1/fees/{fee['id']}").status_code == 404
    assert pay(rui, fee, card(stripe_url)).status_code == 404
    assert pay(rui, fee, None, "fee-key-2").status_code == 404
    assert rui("GET", "/billing/v1/fees").json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [{"method": "card"}, {"method": "cash"}],
)
def test_an_invalid_payment_method_is_refused(donor: Client, fee: dict[str, Any], body: dict[str, str]) -> None:
    assert donor("POST", f"/billing/v1/fees/{fee['id']}/payments", json=body, key="fee-key-1").status_code == 400


def test_a_declined_card_leaves_the_fee_payable(donor: Client, fee: dict[str, Any], stripe_url: str) -> None:
    declined = card(stripe_url, DECLINED)
    for _ in range(2):
        assert problem(pay(donor, fee, declined)) == (402, "card-declined")
    assert get_state(donor, fee) == "due"
    assert problem(pay(donor, fee, "pm_nobody_knows", "fee-key-2")) == (422, "card-not-usable")
    assert pay(donor, fee, card(stripe_url), "fee-key-3").json()["state"] == "captured"
    assert get_state(donor, fee) == "paid"


def test_a_fee_whose_capture_the_bank_refuses_stays_payable(
    donor: Client, fee: dict[str, Any], stripe_url: str, provider: FakeProvider
) -> None:
    provider.refuses = "capture"
    assert problem(pay(donor, fee, card(stripe_url))) == (409, "payment-cancelled")
    assert get_state(donor, fee) == "due"
    provider.refuses = "nothing"
    assert pay(donor, fee, card(stripe_url), "fee-key-2").json()["state"] == "captured"
    assert (get_state(donor, fee), provider.captured_amount()) == ("paid", fee["amount"]["amount"])


def test_a_card_is_charged_for_a_fee_after_the_banks_check(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    payment = pay(donor, fee, card(stripe_url, NEEDS_CHECK)).json()
    assert (payment["state"], get_state(donor, fee)) == ("requires_action", "due")
    path = f"/billing/v1/payments/{payment['id']}/confirmation"
    assert donor("POST", path).json()["state"] == "requires_action"
    authenticate(stripe_url, payment, success=True)
    assert donor("POST", path).json()["state"] == "captured"
    assert get_state(donor, fee) == "paid"
    assert len(billing.published("billing.fee.paid.v1")) == 1


def test_a_failed_check_leaves_the_fee_payable(donor: Client, fee: dict[str, Any], stripe_url: str) -> None:
    payment = pay(donor, fee, card(stripe_url, NEEDS_CHECK)).json()
    authenticate(stripe_url, payment, success=False)
    assert donor("POST", f"/billing/v1/payments/{payment['id']}/confirmation").status_code == 402
    assert pay(donor, fee, card(stripe_url), "fee-key-2").json()["state"] == "captured"


def test_settlement_captures_an_authenticated_payment_that_was_never_confirmed(
    donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    payment = pay(donor, fee, card(stripe_url, NEEDS_CHECK)).json()
    authenticate(stripe_url, payment, success=True)
    settle_now()
    settle_now()
    assert get_state(donor, fee) == "paid"


def test_an_abandoned_fee_payment_is_replaced_by_the_next(
    billing: Harness, donor: Client, manager: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    abandoned = pay(donor, fee, card(stripe_url, NEEDS_CHECK)).json()
    assert pay(donor, fee, card(stripe_url), "fee-key-2").json()["state"] == "captured"
    assert stripe_client.read(get_intent_id(abandoned)).status == "canceled"
    assert donor("GET", f"/billing/v1/payments/{abandoned['id']}").json()["state"] == "voided"
    assert len(billing.published("billing.fee.paid.v1")) == 1


def test_a_fee_payment_abandoned_for_an_hour_is_voided(donor: Client, fee: dict[str, Any], stripe_url: str) -> None:
    abandoned = pay(donor, fee, card(stripe_url, NEEDS_CHECK)).json()
    with db.unit_of_work() as session:
        session.execute(update(Payment).values(created_at=now() - timedelta(hours=2)))
    settle_now()
    assert donor("GET", f"/billing/v1/payments/{abandoned['id']}").json()["state"] == "voided"
    assert get_state(donor, fee) == "due"


def test_a_fee_stays_payable_while_the_provider_is_unavailable(database_url: str, stripe_url: str) -> None:
    unused_url = f"http://127.0.0.1:{servers.free_port()}"
    with running("billing", environment(database_url, unused_url)) as billing:
        client = billing.as_user("ines", "billing:fees")
        change_donation(billing, "cancelling")
        fee = get_only_fee(client)
        response = pay(client, fee, "pm_1234567")
        assert problem(response) == (503, "payment-provider-unavailable")
        assert int(response.headers["Retry-After"]) > 0
        assert get_state(client, fee) == "due"
    reset_provider()
    with running("billing", environment(database_url, stripe_url)) as billing:
        client = billing.as_user("ines", "billing:fees")
        assert pay(client, fee, card(stripe_url), "fee-key-2").json()["state"] == "captured"
        assert len(billing.published("billing.fee.paid.v1")) == 1


def test_settlement_captures_a_fee_after_an_outage_of_the_provider(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: str) -> None:
        raise stripe_client.ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "capture", fail)
        payment = pay(donor, fee, card(stripe_url)).json()
    assert (payment["state"], get_state(donor, fee)) == ("capturing", "due")
    assert problem(pay(donor, fee, card(stripe_url), "fee-key-2")) == (409, "already-being-paid")
    settle_now()
    assert get_state(donor, fee) == "paid"
    assert len(billing.published("billing.fee.paid.v1")) == 1


def test_a_fee_that_is_no_longer_needed_is_void_and_cannot_be_paid(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    abandoned = pay(donor, fee, card(stripe_url, NEEDS_CHECK)).json()
    change_donation(billing, "collected", minute=2)
    assert get_state(donor, fee) == "void"
    settle_now()
    assert stripe_client.read(get_intent_id(abandoned)).status == "canceled"
    assert problem(pay(donor, fee, card(stripe_url), "fee-key-2")) == (409, "fee-not-payable")
    assert problem(pay(donor, fee, None, "fee-key-3")) == (409, "fee-not-payable")
    assert billing.published("billing.fee.paid.v1") == []


def test_a_paid_fee_that_is_no_longer_needed_is_refunded_once(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    payment = pay(donor, fee, card(stripe_url)).json()
    for _ in range(2):
        change_donation(billing, "collected", minute=2)
    assert get_state(donor, fee) == "refunding"
    settle_now()
    settle_now()
    assert get_state(donor, fee) == "refunded"
    assert donor("GET", f"/billing/v1/payments/{payment['id']}").json()["state"] == "refunded"
    assert list_refunds_at_provider(stripe_url, get_intent_id(payment)) == [300]


def test_a_refund_whose_response_was_lost_is_not_repeated(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    payment = pay(donor, fee, card(stripe_url)).json()
    change_donation(billing, "collected", minute=2)
    with db.unit_of_work(reads_only=True) as session:
        refund_id = session.scalars(select(Refund.id)).one()
    refunds = [stripe_client.refund(get_intent_id(payment), refund_id, 300, attempt) for attempt in (1, 2)]
    assert refunds[0] == refunds[1]
    settle_now()
    assert list_refunds_at_provider(stripe_url, get_intent_id(payment)) == [300]
    assert get_state(donor, fee) == "refunded"


def test_coins_of_a_fee_that_is_no_longer_needed_are_refunded_immediately(
    billing: Harness, donor: Client, manager: Client
) -> None:
    give_coins(billing, manager, 500)
    change_donation(billing, "collected")
    change_donation_return(billing, "created", minute=1)
    fee = get_only_fee(donor)
    assert pay(donor, fee, None).status_code == 201
    assert get_coins(donor) == 50
    for _ in range(2):
        change_donation_return(billing, "cancelled", minute=2)
    assert (get_coins(donor), get_state(donor, fee)) == (500, "refunded")
    [record, *_] = donor("GET", "/billing/v1/coin-records").json()["items"]
    assert (record["reason"], record["coins"]) == ("refunded", 450)


def test_money_captured_while_the_fee_becomes_void_is_refunded(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: str) -> None:
        raise stripe_client.ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "capture", fail)
        payment = pay(donor, fee, card(stripe_url)).json()
    change_donation(billing, "collected", minute=2)
    assert get_state(donor, fee) == "void"
    for _ in range(3):
        settle_now()
    assert get_state(donor, fee) == "refunded"
    assert list_refunds_at_provider(stripe_url, get_intent_id(payment)) == [300]
    assert billing.published("billing.fee.paid.v1") == []


def test_a_paid_fee_stays_paid_when_the_donation_is_cancelled(
    billing: Harness, donor: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    pay(donor, fee, card(stripe_url))
    change_donation(billing, "cancelled", minute=2)
    settle_now()
    assert get_state(donor, fee) == "paid"
    assert get_coins(donor) == 0


@pytest.mark.parametrize("later", ["collected", "cancelled"])
def test_a_stale_event_charges_no_fee(billing: Harness, donor: Client, later: str) -> None:
    change_donation(billing, later, minute=2)
    change_donation(billing, "cancelling", minute=1)
    assert donor("GET", "/billing/v1/fees").json()["items"] == []


def test_a_stale_event_does_not_void_a_fee(billing: Harness, donor: Client, fee: dict[str, Any]) -> None:
    change_donation(billing, "submitted", minute=0)
    assert get_state(donor, fee) == "due"


@pytest.mark.real_servers
def test_concurrent_payments_pay_a_fee_once(
    billing: Harness, donor: Client, manager: Client, fee: dict[str, Any], stripe_url: str
) -> None:
    give_coins(billing, manager, 2000)
    cards = [card(stripe_url) for _ in range(4)]
    methods = [*cards, None, None, None, None]
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda n: pay(donor, fee, methods[n], f"fee-key-{n:02d}"), range(len(methods))))
    statuses = [response.status_code for response in responses]
    assert set(statuses) <= {201, 409, 503}, [response.text for response in responses]
    for _ in range(3):
        settle_now()
    with db.unit_of_work(reads_only=True) as session:
        states = list(session.scalars(select(Payment.state).where(Payment.fee_id == fee["id"])))
        by_coins = session.scalar(
            select(Payment.coins).where(Payment.fee_id == fee["id"], Payment.state == "captured")
        )
        assert session.get_one(Fee, fee["id"]).state == "paid"
    assert sorted(set(states) - {"voided"}) == ["captured"], states
    assert states.count("captured") == 1
    assert get_coins(donor) == 2050 - (by_coins or 0)
    assert len(billing.published("billing.fee.paid.v1")) == 1
