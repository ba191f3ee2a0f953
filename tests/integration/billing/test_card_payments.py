"""Billing on both databases, with the real `stripe` library against localstripe."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from libs.chassis import db
from libs.chassis.clock import now, rfc3339
from services.billing.payments.tables import Payment
from services.billing.provider import stripe_client
from services.billing.settlement.jobs import settle_with_provider
from tests.integration.billing.support import (
    DECLINED,
    NEEDS_CHECK,
    PRODUCT,
    SECRET,
    card,
    environment,
    reset_provider,
)
from tests.support import servers
from tests.support.harness import Harness, running, user_id

ORDER = "bor_" + "1" * 32
TOTAL = {"amount": 4900, "currency": "EUR"}


class FakeCustomerService:
    """A fake of the customer service with one order."""

    def __init__(self) -> None:
        self.is_unavailable = False
        self.order: dict[str, Any] = {
            "id": ORDER,
            "buyer_id": user_id("ines"),
            "state": "placed",
            "expires_at": rfc3339(now() + timedelta(minutes=15)),
            "total": TOTAL,
            "items": [{"product_id": PRODUCT, "title": "Navy coat", "price": TOTAL}],
        }

    def respond(self, request: httpx.Request) -> httpx.Response:
        if self.is_unavailable:
            raise httpx.ConnectError("unavailable", request=request)
        if not request.url.path.endswith(ORDER):
            return httpx.Response(404, json={"type": "x/not-found"})
        return httpx.Response(200, json=self.order)


@pytest.fixture
def orders(billing: Harness) -> FakeCustomerService:
    fake = FakeCustomerService()
    billing.play_peers(fake.respond)
    return fake


@pytest.fixture
def ines(billing: Harness, orders: FakeCustomerService) -> Callable[..., httpx.Response]:
    return billing.as_user("ines", "billing:payments")


def pay(
    client: Callable[..., httpx.Response], payment_method: str, key: str = "payment-key-1", order_id: str = ORDER
) -> httpx.Response:
    body = {"order_id": order_id, "method": "card", "payment_method": payment_method}
    return client("POST", "/billing/v1/payments", json=body, key=key)


def hold_event() -> dict[str, Any]:
    return {"order_id": ORDER, "buyer_id": user_id("ines"), "product_ids": [PRODUCT]}


def webhook(
    billing: Harness, intent_id: str, *, event_id: str = "evt_1", age: int = 0, secret: str = SECRET, **changes: Any
) -> httpx.Response:
    """Send a signed event of the provider that an intent succeeded."""
    subject = {"id": intent_id, "object": "payment_intent", "amount": 4900, "currency": "eur"} | changes
    event = {"id": event_id, "object": "event", "type": "payment_intent.succeeded", "data": {"object": subject}}
    body, sent_at = json.dumps(event), int(time.time()) - age
    signature = hmac.new(secret.encode(), f"{sent_at}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={sent_at},v1={signature}", "Content-Type": "application/json"}
    response: httpx.Response = billing.client.post("/billing/v1/webhooks/stripe", content=body, headers=headers)
    return response


def get_intent_id(payment_id: str) -> str:
    with db.unit_of_work(reads_only=True) as session:
        intent_id = session.get_one(Payment, payment_id).provider_intent_id
    assert intent_id is not None
    return intent_id


def get_state(client: Callable[..., httpx.Response], payment_id: str) -> str:
    state: str = client("GET", f"/billing/v1/payments/{payment_id}").json()["state"]
    return state


def test_a_card_is_authorized_captured_after_the_sale_and_confirmed_by_the_webhook(
    billing: Harness, ines: Callable[..., Any], stripe_url: str
) -> None:
    payment = pay(ines, card(stripe_url)).json()
    assert payment["state"] == "authorized"
    assert len(billing.published("billing.payment.authorized.v1")) == 1
    receipt = f"/billing/v1/payments/{payment['id']}/receipt"
    assert ines("GET", receipt).status_code == 409

    billing.deliver("shopping.hold.sold.v1", hold_event())
    settle_with_provider()
    intent_id = get_intent_id(payment["id"])
    assert stripe_client.read(intent_id).status == "succeeded"
    assert get_state(ines, payment["id"]) == "capturing"

    for event_id in ("evt_1", "evt_1", "evt_2"):
        assert webhook(billing, intent_id, event_id=event_id).status_code == 200
    assert get_state(ines, payment["id"]) == "captured"
    assert len(billing.published("billing.payment.captured.v1")) == 1
    document = ines("GET", receipt).json()
    assert (document["total"], document["card"]["last4"]) == (TOTAL, "4242")
    assert document["lines"] == [{"product_id": PRODUCT, "title": "Navy coat", "price": TOTAL}]


def test_settlement_replaces_a_lost_webhook(billing: Harness, ines: Callable[..., Any], stripe_url: str) -> None:
    payment = pay(ines, card(stripe_url)).json()
    billing.deliver("shopping.hold.sold.v1", hold_event())
    settle_with_provider()
    make_due()
    settle_with_provider()
    assert get_state(ines, payment["id"]) == "captured"


def make_due() -> None:
    with db.unit_of_work() as session:
        session.execute(update(Payment).values(settle_at=now() - timedelta(seconds=1)))


def test_releasing_the_hold_voids_the_payment(billing: Harness, ines: Callable[..., Any], stripe_url: str) -> None:
    payment = pay(ines, card(stripe_url)).json()
    for _ in range(2):
        billing.deliver("shopping.hold.released.v1", hold_event() | {"reason": "lapsed"})
    settle_with_provider()
    assert get_state(ines, payment["id"]) == "voided"
    assert stripe_client.read(get_intent_id(payment["id"])).status == "canceled"
    assert len(billing.published("billing.payment.voided.v1")) == 1


def test_a_release_after_the_sale_does_not_void_the_payment(
    billing: Harness, ines: Callable[..., Any], stripe_url: str
) -> None:
    payment = pay(ines, card(stripe_url)).json()
    billing.deliver("shopping.hold.sold.v1", hold_event())
    billing.deliver("shopping.hold.released.v1", hold_event() | {"reason": "lapsed"})
    settle_with_provider()
    assert stripe_client.read(get_intent_id(payment["id"])).status == "succeeded"


def test_a_sale_without_a_payment_is_retried(billing: Harness, orders: FakeCustomerService) -> None:
    with pytest.raises(LookupError):
        billing.deliver("shopping.hold.sold.v1", hold_event())


def test_a_declined_card_is_reported_and_leaves_the_order_payable(
    billing: Harness, ines: Callable[..., Any], stripe_url: str
) -> None:
    declined = card(stripe_url, DECLINED)
    for _ in range(2):
        response = pay(ines, declined)
        assert (response.status_code, response.json()["type"].rpartition("/")[2]) == (402, "card-declined")
    assert pay(ines, card(stripe_url), "payment-key-2").json()["state"] == "authorized"
    states = [payment["state"] for payment in ines("GET", "/billing/v1/payments").json()["items"]]
    assert sorted(states) == ["authorized", "failed"]


def test_an_unknown_card_is_refused_and_leaves_the_order_payable(ines: Callable[..., Any], stripe_url: str) -> None:
    response = pay(ines, "pm_nobody_knows")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/payment_method")
    assert pay(ines, card(stripe_url), "payment-key-2").json()["state"] == "authorized"


def test_an_order_payment_waits_for_the_banks_check(
    billing: Harness, ines: Callable[..., Any], stripe_url: str
) -> None:
    payment = pay(ines, card(stripe_url, NEEDS_CHECK)).json()
    assert payment["state"] == "requires_action"
    path = f"/billing/v1/payments/{payment['id']}/confirmation"
    assert ines("POST", path).json()["state"] == "requires_action"
    form = {"client_secret": payment["client_secret"], "success": "true", "key": "pk_test_12345"}
    httpx.post(f"{stripe_url}/v1/payment_intents/{get_intent_id(payment['id'])}/_authenticate", data=form)
    confirmed = ines("POST", path).json()
    assert (confirmed["state"], confirmed["client_secret"]) == ("authorized", None)
    assert len(billing.published("billing.payment.authorized.v1")) == 1


def test_a_failed_check_of_the_bank_ends_the_payment(
    billing: Harness, ines: Callable[..., Any], stripe_url: str
) -> None:
    payment = pay(ines, card(stripe_url, NEEDS_CHECK)).json()
    form = {"client_secret": payment["client_secret"], "success": "false", "key": "pk_test_12345"}
    httpx.post(f"{stripe_url}/v1/payment_intents/{get_intent_id(payment['id'])}/_authenticate", data=form)
    assert ines("POST", f"/billing/v1/payments/{payment['id']}/confirmation").status_code == 402
    assert get_state(ines, payment["id"]) == "failed"


def test_an_order_has_one_live_payment_and_a_repetition_returns_it(
    ines: Callable[..., Any], stripe_url: str
) -> None:
    payment_method = card(stripe_url)
    first = pay(ines, payment_method)
    assert pay(ines, payment_method).json() == first.json()
    second = pay(ines, payment_method, "payment-key-2")
    assert (second.status_code, second.json()["type"].rpartition("/")[2]) == (409, "already-being-paid")
    assert first.json()["id"] in second.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "paid"}, 409),
        ({"expires_at": "2020-01-01T00:00:00.000000Z"}, 409),
        ({"buyer_id": "usr_" + "9" * 32}, 404),
    ],
)
def test_only_an_own_placed_order_can_be_paid(
    ines: Callable[..., Any], orders: FakeCustomerService, stripe_url: str, change: dict[str, str], status: int
) -> None:
    orders.order |= change
    assert pay(ines, card(stripe_url)).status_code == status
    assert ines("GET", "/billing/v1/payments").json()["items"] == []


def test_an_unknown_order_is_404(ines: Callable[..., Any], stripe_url: str) -> None:
    assert pay(ines, card(stripe_url), order_id="bor_" + "9" * 32).status_code == 404


def test_nothing_is_charged_while_the_customer_service_is_unavailable(
    ines: Callable[..., Any], orders: FakeCustomerService, stripe_url: str
) -> None:
    payment_method = card(stripe_url)
    orders.is_unavailable = True
    assert pay(ines, payment_method).status_code == 503
    orders.is_unavailable = False
    assert pay(ines, payment_method).json()["state"] == "authorized"


def test_an_order_stays_payable_while_the_provider_is_unavailable(database_url: str, stripe_url: str) -> None:
    unused_url = f"http://127.0.0.1:{servers.free_port()}"
    with running("billing", environment(database_url, unused_url)) as billing:
        billing.play_peers(FakeCustomerService().respond)
        response = pay(billing.as_user("ines", "billing:payments"), "pm_1234567")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
    reset_provider()
    with running("billing", environment(database_url, stripe_url)) as billing:
        billing.play_peers(FakeCustomerService().respond)
        client = billing.as_user("ines", "billing:payments")
        with db.unit_of_work() as session:
            session.execute(update(Payment).values(provider_method_id=card(stripe_url)))
        assert pay(client, "pm_1234567").json()["state"] == "authorized"


def test_settlement_waits_while_the_provider_is_unavailable(
    billing: Harness, ines: Callable[..., Any], stripe_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = pay(ines, card(stripe_url)).json()
    billing.deliver("shopping.hold.sold.v1", hold_event())

    def fail(_intent_id: str) -> None:
        raise stripe_client.ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "read", fail)
        settle_with_provider()
    assert get_state(ines, payment["id"]) == "capturing"
    make_due()
    settle_with_provider()
    assert stripe_client.read(get_intent_id(payment["id"])).status == "succeeded"


@pytest.mark.parametrize("change", [{"secret": "whsec_other"}, {"age": 3600}])
def test_a_webhook_with_a_wrong_signature_is_refused(
    billing: Harness, ines: Callable[..., Any], stripe_url: str, change: dict[str, Any]
) -> None:
    payment = pay(ines, card(stripe_url)).json()
    billing.deliver("shopping.hold.sold.v1", hold_event())
    refused = webhook(billing, get_intent_id(payment["id"]), **change)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (400, "webhook-not-signed")
    assert get_state(ines, payment["id"]) == "capturing"


@pytest.mark.parametrize(
    "change",
    [{"id": ["pi_1"]}, {"amount": 10**30}, {"object": "refund", "metadata": {"refund_id": {}}}, {"object": None}],
)
def test_a_signed_webhook_of_another_shape_is_refused(billing: Harness, change: dict[str, Any]) -> None:
    refused = webhook(billing, "pi_1", **change)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (400, "webhook-not-an-event")


def test_a_signature_that_is_not_ascii_is_refused(billing: Harness) -> None:
    headers = {"Stripe-Signature": f"t={int(time.time())},v1=é".encode("latin1")}
    event = {"id": "evt_1", "type": "any", "data": {"object": {"object": "charge"}}}
    refused = billing.client.post("/billing/v1/webhooks/stripe", json=event, headers=headers)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (400, "webhook-not-signed")


@pytest.mark.parametrize("change", [{"amount": 1}, {"currency": "usd"}, {"object": "charge"}])
def test_a_webhook_that_does_not_match_the_payment_changes_nothing(
    billing: Harness, ines: Callable[..., Any], stripe_url: str, change: dict[str, Any]
) -> None:
    payment = pay(ines, card(stripe_url)).json()
    billing.deliver("shopping.hold.sold.v1", hold_event())
    assert webhook(billing, get_intent_id(payment["id"]), **change).status_code == 200
    assert get_state(ines, payment["id"]) == "capturing"


def test_a_customer_cannot_see_payments_of_others(
    billing: Harness, ines: Callable[..., Any], stripe_url: str
) -> None:
    payment = pay(ines, card(stripe_url)).json()
    rui = billing.as_user("rui", "billing:payments")
    for path in ("", "/receipt"):
        assert rui("GET", f"/billing/v1/payments/{payment['id']}{path}").status_code == 404
    assert rui("POST", f"/billing/v1/payments/{payment['id']}/confirmation").status_code == 404
    assert rui("GET", "/billing/v1/payments").json()["items"] == []


def test_the_payment_configuration_is_public(billing: Harness, stripe_url: str) -> None:
    response = billing.client.get("/billing/v1/payment-configuration").json()
    assert response == {
        "provider": "stripe",
        "publishable_key": "pk_test_12345",
        "api_base": stripe_url,
        "coin_value": {"amount": 1, "currency": "EUR"},
    }
