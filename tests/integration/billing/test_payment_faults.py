"""Faults between us and the provider, at each call: in the end, all money is where it belongs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from sqlalchemy import select, union_all, update

from libs.chassis import db
from libs.chassis.clock import now
from services.billing.payments.tables import Payment
from services.billing.provider import declines, stripe_client
from services.billing.provider.tables import ProviderEvent
from services.billing.refunds.tables import Refund
from services.billing.settlement.jobs import settle_payment, settle_with_provider
from tests.integration.billing.shop import Order, Shop
from tests.integration.billing.support import (
    NEEDS_CHECK,
    card,
    environment,
    ledger_faults,
    new_id,
    problem,
    reset_provider,
    settle_now,
)
from tests.support import databases
from tests.support.harness import Harness, running
from tests.support.stripe_proxy import Kind, StripeProxy, stripe_proxy

LOST: tuple[Kind, ...] = ("500_before", "500_after", "reset_before", "reset_after", "time_out")
TWICE = 2  # the library repeats a call once by itself


@pytest.fixture(scope="module")
def proxy(stripe_url: str) -> Iterator[StripeProxy]:
    with stripe_proxy(stripe_url) as started:
        yield started


@pytest.fixture(scope="module")
def service(proxy: StripeProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """One billing service for all of these tests; each has an order and a buyer of its own."""
    folder: Path = tmp_path_factory.mktemp("billing")
    database_url = databases.fresh_sqlite("billing", folder / "billing.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
        reset_provider()
        with running("billing", environment(database_url, proxy.url)) as billing:
            yield billing
    reset_provider()


@pytest.fixture
def short_timeout() -> Iterator[None]:
    """Use a short time-out, for calls without a response."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe_client, "TIMEOUT_SECONDS", 0.3)
        reset_provider()
        yield
    reset_provider()


@pytest.fixture
def shop(service: Harness, proxy: StripeProxy, stripe_url: str) -> Iterator[Shop]:
    proxy.behave()
    reset_provider()
    with db.unit_of_work() as session:  # rows of other tests do not concern this one
        for kind in (Payment, Refund):
            session.execute(update(kind).values(settle_at=None))
    yield Shop(service, stripe_url)
    assert ledger_faults() == []


def published(shop: Shop, event_type: str, **fields: str) -> list[dict[str, Any]]:
    """The published events of a type with these fields."""
    return [event for event in shop.billing.published(event_type) if event.items() >= fields.items()]


def settle_all() -> None:
    """Settle until nothing is due, or five times."""
    for _ in range(5):
        reset_provider()
        settle_now()
        with db.unit_of_work(reads_only=True) as session:
            waiting = [select(kind.id).where(kind.settle_at.is_not(None)) for kind in (Payment, Refund)]
            if not session.scalars(union_all(*waiting)).all():
                return


def pay_with_retries(shop: Shop, order: Order) -> str:
    """Pay as a client that repeats a failed request with the same key."""
    body = {"order_id": order.id, "method": "card", "payment_method": card(shop.stripe_url)}
    key = new_id("key")
    for _ in range(4):
        reset_provider()
        response = shop.send(order.buyer, "POST", "/billing/v1/payments", json=body, key=key)
        if response.status_code == 201:
            payment_id: str = response.json()["id"]
            return payment_id
        assert problem(response) == (503, "payment-provider-unavailable")
        assert int(response.headers["Retry-After"]) > 0
    raise AssertionError("the order did not stay payable")


CHANGES = [(call, kind) for call in ("create", "confirm", "capture", "refund") for kind in LOST]
READS: list[tuple[str, Kind]] = [("read", "time_out"), ("list_refunds", "500_before")]


@pytest.mark.parametrize(("call", "kind"), CHANGES + READS)
def test_a_lost_call_charges_and_refunds_once(
    shop: Shop, proxy: StripeProxy, request: pytest.FixtureRequest, call: str, kind: Kind
) -> None:
    if kind == "time_out":
        request.getfixturevalue("short_timeout")
    order = shop.order()
    proxy.order(kind, call, times=TWICE)
    payment_id = pay_with_retries(shop, order)
    shop.sell(order)
    settle_all()
    assert shop.payment(payment_id).state == "captured"
    shop.change_return(order, "checked_good", order.products[:1], 4900, new_id("rbo"))
    settle_all()
    shop.change_return(order, "checked_good", order.products[1:], 1501, new_id("rbo"))
    settle_all()
    assert shop.refunds_at_provider(payment_id) == [1501, 4900]
    assert shop.payment(payment_id).state == "refunded"
    assert [fault.times for fault in proxy.faults] == [0], "the fault has occurred"
    [intent] = list_intents(shop, order, "succeeded")
    assert intent == shop.payment(payment_id).provider_intent_id


def list_intents(shop: Shop, order: Order, status: str) -> list[str]:
    """The intents of an order at the provider in one status."""
    window = (now() - timedelta(hours=1), now() + timedelta(seconds=2))
    ours = select(Payment.id).where(Payment.order_id == order.id)
    with db.unit_of_work(reads_only=True) as session:
        ids = set(session.scalars(ours))
    found, _ = stripe_client.list_intents(window, None)
    return [intent.id for intent in found if intent.payment_id in ids and intent.status == status]


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_cancel_call_still_releases_the_authorization(
    shop: Shop, proxy: StripeProxy, request: pytest.FixtureRequest, kind: Kind
) -> None:
    if kind == "time_out":
        request.getfixturevalue("short_timeout")
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    proxy.order(kind, "cancel", times=TWICE)
    shop.release(order)
    settle_all()
    assert shop.payment(payment_id).state == "voided"
    assert list_intents(shop, order, "canceled") == [shop.payment(payment_id).provider_intent_id]


def test_a_new_request_after_a_lost_response_charges_once(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order()
    proxy.order("500_after", "confirm", times=TWICE)
    assert problem(shop.pay(order)) == (503, "payment-provider-unavailable")
    reset_provider()
    payment_id = shop.pay(order).json()["id"]
    shop.sell(order)
    settle_all()
    assert list_intents(shop, order, "succeeded") == [shop.payment(payment_id).provider_intent_id]
    assert len(list_intents(shop, order, "canceled")) == 1


@pytest.mark.parametrize(
    ("code", "public_code", "advice"),
    [
        ("insufficient_funds", "insufficient_funds", declines.INSUFFICIENT_FUNDS),
        ("expired_card", "expired_card", declines.CARD_EXPIRED),
        ("stolen_card", "card_declined", declines.USE_ANOTHER_CARD),
    ],
)
def test_a_decline_has_advice_and_leaves_the_order_payable(
    shop: Shop, proxy: StripeProxy, code: str, public_code: str, advice: str
) -> None:
    order = shop.order()
    proxy.order("declined", "confirm", code=code)
    response = shop.pay(order)
    assert problem(response) == (402, "card-declined")
    assert (response.json()["decline_code"], response.json()["detail"]) == (public_code, advice)
    assert shop.pay(order).json()["state"] == "authorized"


def test_an_amount_below_the_card_minimum_can_be_paid_with_coins(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order(prices=(30,))
    proxy.order("refused", "create", code="amount_too_small")
    response = shop.pay(order)
    assert problem(response) == (422, "amount-too-small")
    assert "pay with coins" in response.json()["detail"]
    shop.give_coins(order.buyer, 30)
    assert shop.pay(order, coins=True).json()["state"] == "authorized"


def test_the_intent_of_a_declined_card_is_cancelled(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order()
    proxy.order("declined", "confirm", code="do_not_honor")
    shop.pay(order)
    settle_all()
    assert len(list_intents(shop, order, "canceled")) == 1


def test_a_temporarily_declined_capture_does_not_block_others(shop: Shop, proxy: StripeProxy) -> None:
    orders = [shop.order(), shop.order()]
    intents = [shop.payment(pay_with_retries(shop, order)).provider_intent_id for order in orders]
    for order in orders:
        shop.sell(order)
    proxy.order("declined", "capture", code="processing_error")
    settle_now()
    assert sorted(stripe_client.read(str(intent)).status for intent in intents) == ["requires_capture", "succeeded"]
    settle_all()


def test_a_temporarily_declined_capture_is_retried_with_another_key(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    proxy.order("declined", "capture", code="processing_error")
    shop.sell(order)
    settle_now()
    assert (shop.payment(payment_id).state, shop.payment(payment_id).attempt) == ("capturing", 2)
    settle_all()
    assert shop.payment(payment_id).state == "captured"


def test_rate_limiting_of_the_provider_is_retried_with_the_same_key(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order()
    proxy.order("429", "create", times=TWICE)
    payment_id = pay_with_retries(shop, order)
    assert shop.payment(payment_id).attempt == 1, "the provider has not processed this key"


def test_the_circuit_opens_fails_fast_and_closes_again(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    shop.sell(order)
    proxy.order("reset_before", "read", times=100)
    for _ in range(5):
        with pytest.raises(stripe_client.ProviderUnavailable):
            settle_payment(payment_id)
    call_count = len(proxy.asked)
    response = shop.pay(shop.order())
    assert problem(response) == (503, "payment-provider-unavailable")
    assert len(proxy.asked) == call_count, "an open circuit makes no call"
    proxy.behave()
    settle_all()
    assert shop.payment(payment_id).state == "captured"


@pytest.mark.usefixtures("short_timeout")
def test_the_circuit_opens_for_a_provider_that_hangs(shop: Shop, proxy: StripeProxy) -> None:
    order, payment_method = shop.order(), card(shop.stripe_url)
    body = {"order_id": order.id, "method": "card", "payment_method": payment_method}
    proxy.order("time_out", "create", times=100)
    for _ in range(5):
        response = shop.send(order.buyer, "POST", "/billing/v1/payments", json=body, key=f"hang-{order.id}")
        assert problem(response) == (503, "payment-provider-unavailable")
    call_count = len(proxy.asked)
    assert problem(shop.pay(shop.order())) == (503, "payment-provider-unavailable")
    assert len(proxy.asked) == call_count, "an open circuit makes no call"
    coins_order = shop.order()
    shop.give_coins(coins_order.buyer, coins_order.total)
    assert shop.pay(coins_order, coins=True).status_code == 201, "coins need no provider"


def test_the_banks_check_survives_an_outage_of_the_provider(shop: Shop, proxy: StripeProxy) -> None:
    order = shop.order()
    payment = shop.pay(order, number=NEEDS_CHECK).json()
    form = {"client_secret": payment["client_secret"], "success": "true", "key": "pk_test_12345"}
    intent_id = shop.payment(payment["id"]).provider_intent_id
    httpx.post(f"{shop.stripe_url}/v1/payment_intents/{intent_id}/_authenticate", data=form)
    path = f"/billing/v1/payments/{payment['id']}/confirmation"
    proxy.order("reset_before", "read", times=TWICE)
    assert problem(shop.send(order.buyer, "POST", path)) == (503, "payment-provider-unavailable")
    assert shop.send(order.buyer, "POST", path).json()["state"] == "authorized"


def test_webhooks_may_be_early_late_duplicate_and_reordered(shop: Shop) -> None:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    assert shop.intent_event(payment_id, "payment_intent.payment_failed") == 200
    shop.sell(order)
    settle_with_provider()
    for event_id in ("evt_a", "evt_a", "evt_b"):
        assert shop.intent_event(payment_id, event_id=event_id + order.id) == 200
    assert shop.payment(payment_id).state == "captured"
    for kind in ("payment_intent.amount_capturable_updated", "payment_intent.canceled"):
        assert shop.intent_event(payment_id, kind, event_id=kind + order.id) == 200
    settle_all()
    assert shop.payment(payment_id).state == "captured"
    events = [
        event for event in shop.billing.published("billing.payment.captured.v1") if event["order_id"] == order.id
    ]
    assert len(events) == 1
    with db.unit_of_work(reads_only=True) as session:
        assert session.get(ProviderEvent, "evt_a" + order.id) is not None


def test_a_replayed_webhook_is_refused(shop: Shop) -> None:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    shop.sell(order)
    assert shop.intent_event(payment_id, age=301) == 400
    assert shop.payment(payment_id).state == "capturing"


def test_money_captured_after_the_expiry_is_refunded_automatically(shop: Shop) -> None:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    intent_id = shop.payment(payment_id).provider_intent_id
    assert intent_id is not None
    shop.release(order)
    stripe_client.capture(intent_id, "pay_1", 1)  # manually, at the provider
    assert shop.intent_event(payment_id) == 200
    settle_all()
    assert shop.refunds_at_provider(payment_id) == [6401]
    assert (shop.payment(payment_id).state, shop.payment(payment_id).live_order_id) == ("refunded", None)
    events = [
        event for event in shop.billing.published("billing.payment.captured.v1") if event["order_id"] == order.id
    ]
    assert events == []


def fail_refund(shop: Shop, proxy: StripeProxy, code: str = "charge_too_old") -> tuple[str, Refund]:
    """Return a paid order whose refund the provider refuses; the payment id and the refund."""
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    shop.sell(order)
    settle_all()
    proxy.order("refused", "refund", code=code)
    shop.change_return(order, "checked_good", order.products, order.total, new_id("rbo"))
    settle_all()
    [refund] = shop.refunds(payment_id)
    return payment_id, refund


def replace_refund(shop: Shop, refund: Refund, **body: Any) -> httpx.Response:
    manager = shop.billing.as_user("marta", "billing:refunds:write", kind="internal", roles=["manager"])
    path = f"/billing/v1/refunds/{refund.id}/replacement"
    response: httpx.Response = manager("POST", path, json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    return response


def open_discrepancies(shop: Shop, payment_id: str) -> list[tuple[str, str]]:
    manager = shop.billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    path = "/billing/v1/payment-discrepancies"
    items = manager("GET", path, params={"state": "open", "limit": 100}).json()["items"]
    return [(item["kind"], item["subject"]) for item in items if item["payment_id"] == payment_id]


def test_a_refused_refund_is_reported_to_staff(shop: Shop, proxy: StripeProxy) -> None:
    payment_id, refund = fail_refund(shop, proxy)
    assert (refund.state, refund.failure_code) == ("failed", "charge_too_old")
    assert (shop.payment(payment_id).state, shop.payment(payment_id).refunded) == ("captured", 0)
    assert open_discrepancies(shop, payment_id) == [("refund_failed", refund.id)]
    assert shop.refunds_at_provider(payment_id) == []


def test_a_failed_refund_is_replaced_by_a_bank_transfer(shop: Shop, proxy: StripeProxy) -> None:
    payment_id, failed = fail_refund(shop, proxy)
    replacement = replace_refund(shop, failed, method="transfer", reference="SEPA 42").json()
    expected = {"state": "completed", "method": "transfer", "replaces": failed.id, "reference": "SEPA 42"}
    assert replacement | expected == replacement
    assert replacement["amount"] == {"amount": failed.amount, "currency": "EUR"}
    assert (shop.payment(payment_id).state, shop.payment(payment_id).refunded) == ("refunded", failed.amount)
    events = [
        event
        for event in shop.billing.published("billing.refund.completed.v1")
        if event["payment_id"] == payment_id
    ]
    assert [(event["refund_id"], event["method"], event["return_id"]) for event in events] == [
        (replacement["id"], "transfer", failed.return_id)
    ]
    settle_all()
    assert shop.refunds_at_provider(payment_id) == []
    assert (open_discrepancies(shop, payment_id), ledger_faults()) == ([], [])


def test_a_failed_refund_is_replaced_by_another_card_refund(shop: Shop, proxy: StripeProxy) -> None:
    payment_id, failed = fail_refund(shop, proxy)
    assert replace_refund(shop, failed, method="card").json()["state"] == "pending"
    settle_all()
    assert [one.state for one in shop.refunds(payment_id)] == ["failed", "completed"]
    assert shop.refunds_at_provider(payment_id) == [failed.amount]
    assert (open_discrepancies(shop, payment_id), ledger_faults()) == ([], [])


def test_only_a_failed_refund_can_be_replaced_and_only_once(shop: Shop, proxy: StripeProxy) -> None:
    _, failed = fail_refund(shop, proxy)
    assert replace_refund(shop, failed, method="transfer").json()["errors"][0]["pointer"] == "/reference"
    assert replace_refund(shop, failed, method="card", reference="SEPA 1").status_code == 422
    assert replace_refund(shop, failed, method="card").status_code == 201
    again = replace_refund(shop, failed, method="transfer", reference="SEPA 1")
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "refund-not-replaceable")
    settle_all()
    completed = shop.refunds(failed.payment_id)[1]
    assert replace_refund(shop, completed, method="card").status_code == 409
    completed.id = new_id("rfd")
    assert replace_refund(shop, completed, method="card").status_code == 404


def test_a_completed_refund_that_the_bank_sends_back_fails(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    shop.sell(order)
    settle_all()
    shop.change_return(order, "checked_good", order.products, order.total, new_id("rbo"))
    settle_all()
    [completed] = shop.refunds(payment_id)
    assert completed.provider_refund_id is not None
    sent_back = replace(
        stripe_client.read_refund(completed.provider_refund_id), status="failed", failure_code="lost_or_stolen_card"
    )
    monkeypatch.setattr(stripe_client, "read_refund", lambda _: sent_back)
    subject: dict[str, Any] = {
        "id": sent_back.id,
        "object": "refund",
        "amount": completed.amount,
        "currency": "eur",
    }
    subject["metadata"] = {"refund_id": completed.id}
    assert shop.notify(subject, "refund.failed") == 200
    settle_all()
    [failed] = shop.refunds(payment_id)
    assert (failed.state, failed.failure_code) == ("failed", "lost_or_stolen_card")
    assert (shop.payment(payment_id).state, shop.payment(payment_id).refunded) == ("captured", 0)
    assert open_discrepancies(shop, payment_id) == [("refund_failed", failed.id)]
    assert ledger_faults() == []
    assert replace_refund(shop, failed, method="transfer", reference="SEPA 43").status_code == 201
    events = [
        event
        for event in shop.billing.published("billing.refund.completed.v1")
        if event["payment_id"] == payment_id
    ]
    assert [event["replaces"] for event in events] == [None, failed.id]
    assert ledger_faults() == []


def send_dispute(
    shop: Shop, payment_id: str, dispute_id: str, status: str, kind: str, reason: str = "fraudulent"
) -> None:
    payment = shop.payment(payment_id)
    subject = {"id": dispute_id, "object": "dispute", "amount": payment.amount, "currency": "eur"}
    subject |= {"payment_intent": payment.provider_intent_id, "status": status, "reason": reason}
    assert shop.notify(subject, f"charge.dispute.{kind}") == 200


def buy(shop: Shop) -> tuple[Order, str]:
    order = shop.order()
    payment_id = pay_with_retries(shop, order)
    shop.sell(order)
    settle_all()
    return order, payment_id


def test_a_dispute_is_reported_until_it_is_won(shop: Shop) -> None:
    _, payment_id = buy(shop)
    won, lost = new_id("dp"), new_id("dp")
    for one in (won, lost):
        send_dispute(shop, payment_id, one, "needs_response", "created")
    assert set(open_discrepancies(shop, payment_id)) == {("dispute", won), ("dispute", lost)}
    send_dispute(shop, payment_id, won, "won", "closed")
    send_dispute(shop, payment_id, lost, "lost", "closed")
    for one in (won, lost):
        send_dispute(shop, payment_id, one, "under_review", "updated")
    assert open_discrepancies(shop, payment_id) == [("dispute_lost", lost)], "the stale events were ignored"
    close_discrepancy(shop, lost)
    send_dispute(shop, payment_id, lost, "lost", "closed")
    send_dispute(shop, payment_id, lost, "needs_response", "updated")
    assert open_discrepancies(shop, payment_id) == []


def test_an_open_discrepancy_has_the_latest_detail(shop: Shop) -> None:
    _, payment_id = buy(shop)
    dispute_id = new_id("dp")
    send_dispute(shop, payment_id, dispute_id, "needs_response", "created")
    first = find_discrepancy(shop, dispute_id)
    send_dispute(shop, payment_id, dispute_id, "needs_response", "updated", reason="duplicate")
    second = find_discrepancy(shop, dispute_id)
    assert (first["id"], first["found_at"]) == (second["id"], second["found_at"])
    assert (first["detail"][-12:], second["detail"][-11:]) == ("(fraudulent)", "(duplicate)")


def test_a_dispute_closed_manually_is_reported_again_when_it_is_lost(shop: Shop) -> None:
    _, payment_id = buy(shop)
    dispute_id = new_id("dp")
    for _ in range(2):
        send_dispute(shop, payment_id, dispute_id, "needs_response", "created")
    close_discrepancy(shop, dispute_id)
    send_dispute(shop, payment_id, dispute_id, "under_review", "updated")
    assert open_discrepancies(shop, payment_id) == []
    send_dispute(shop, payment_id, dispute_id, "lost", "closed")
    assert open_discrepancies(shop, payment_id) == [("dispute_lost", dispute_id)]


def find_discrepancy(shop: Shop, subject: str) -> dict[str, Any]:
    manager = shop.billing.as_user("marta", "billing:reconciliation:read", kind="internal", roles=["manager"])
    items = manager("GET", "/billing/v1/payment-discrepancies", params={"limit": 100}).json()["items"]
    [discrepancy] = [item for item in items if item["subject"] == subject]
    return dict(discrepancy)


def close_discrepancy(shop: Shop, subject: str) -> None:
    scopes = "billing:reconciliation:read billing:reconciliation:write"
    manager = shop.billing.as_user("marta", scopes, kind="internal", roles=["manager"])
    path = "/billing/v1/payment-discrepancies"
    items = manager("GET", path, params={"state": "open"}).json()["items"]
    [discrepancy] = [item for item in items if item["subject"] == subject]
    assert manager("POST", f"{path}/{discrepancy['id']}/closure", json={"note": "Waiting"}).status_code == 200


def test_a_transfer_for_a_disputed_payment_is_refused(shop: Shop, proxy: StripeProxy) -> None:
    """A dispute is known from the provider's refusal or from a webhook, also if its discrepancy was closed."""
    _, refused = fail_refund(shop, proxy, "charge_disputed")
    disputed_payment, reported = fail_refund(shop, proxy)
    dispute_id = new_id("dp")
    send_dispute(shop, disputed_payment, dispute_id, "needs_response", "created")
    close_discrepancy(shop, dispute_id)
    for failed in (refused, reported):
        transfer = {"method": "transfer", "reference": "SEPA 44"}
        assert problem(replace_refund(shop, failed, **transfer)) == (409, "payment-disputed")
        response = replace_refund(shop, failed, **transfer, despite_dispute=True)
        assert (response.status_code, response.json()["state"]) == (201, "completed")
    assert ledger_faults() == []
