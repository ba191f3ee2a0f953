"""Webhooks of the payment provider: without a token, so proven by signature, time and replay checks."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import httpx
import pytest

from tests.attacks.gateways import OpenGate
from tests.support.platform import RunningPlatform

WEBHOOK = "/billing/v1/webhooks/stripe"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def secret(platform: RunningPlatform) -> str:
    known = json.loads((platform.layout.secrets_dir / "secrets.json").read_text())
    secret: str = known["stripe_webhook_secret"]
    return secret


def event(**changes: Any) -> bytes:
    intent = {
        "id": "pi_unknown",
        "object": "payment_intent",
        "amount": 100,
        "currency": "eur",
        "status": "succeeded",
    }
    document = {"id": f"evt_{uuid.uuid4().hex}", "object": "event", "type": "payment_intent.succeeded"}
    return json.dumps(document | {"data": {"object": intent}} | changes).encode()


def signed(body: bytes, secret: str, at: float | None = None, scheme: str = "v1") -> dict[str, str]:
    """The headers of the provider (https://docs.stripe.com/webhooks/signature)."""
    moment = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "stripe-signature": f"t={moment},{scheme}={digest}"}


def assert_not_taken(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_event_with_its_signature_is_taken(anybody: httpx.Client, secret: str) -> None:
    body = event()
    answer = anybody.post(WEBHOOK, content=body, headers=signed(body, secret))
    assert (answer.status_code, answer.json()) == (200, {"received": True})


def test_a_signature_of_another_body_or_secret_is_refused(anybody: httpx.Client, secret: str) -> None:
    body = event()
    rightly = signed(body, secret)
    attempts = [
        (event(), rightly),
        (body + b" ", rightly),
        (body.replace(b"100", b"900"), rightly),
        (body, signed(body, "whsec_guessed")),
        (body, signed(body, "")),
        (body, signed(body, secret, scheme="v0")),
        (body, rightly | {"stripe-signature": rightly["stripe-signature"].replace("v1=", "v1=00")}),
        (body, rightly | {"stripe-signature": rightly["stripe-signature"].split(",")[0]}),
        (body, rightly | {"stripe-signature": rightly["stripe-signature"].split(",")[1]}),
        (body, rightly | {"stripe-signature": f"t={int(time.time())},v1="}),
        (body, rightly | {"stripe-signature": "t=x,v1=x"}),
        (body, rightly | {"stripe-signature": ""}),
        (body, rightly | {"stripe-signature": "x" * 900}),
    ]
    for content, headers in attempts:
        assert_not_taken(anybody.post(WEBHOOK, content=content, headers=headers))


def test_without_a_signature_nothing_helps(anybody: httpx.Client, buyer_token: str) -> None:
    body = event()
    plain = {"content-type": "application/json"}
    assert_not_taken(anybody.post(WEBHOOK, content=body, headers=plain))
    with_token = plain | {"authorization": f"Bearer {buyer_token}"}
    assert_not_taken(anybody.post(WEBHOOK, content=body, headers=with_token))


@pytest.mark.parametrize("age_seconds", [310, 3600, 10**9])
def test_an_old_event_is_refused_though_rightly_signed(
    anybody: httpx.Client, secret: str, age_seconds: int
) -> None:
    body = event()
    assert_not_taken(anybody.post(WEBHOOK, content=body, headers=signed(body, secret, time.time() - age_seconds)))


def test_a_fresh_time_cannot_be_put_on_an_old_signature(anybody: httpx.Client, secret: str) -> None:
    body = event()
    old = signed(body, secret, time.time() - 4000)["stripe-signature"].split(",")[1]
    headers = signed(body, secret) | {"stripe-signature": f"t={int(time.time())},{old}"}
    assert_not_taken(anybody.post(WEBHOOK, content=body, headers=headers))


def test_an_event_that_comes_again_counts_once(
    anybody: httpx.Client, secret: str, platform: RunningPlatform
) -> None:
    body = event()
    headers = signed(body, secret)
    answers = [anybody.post(WEBHOOK, content=body, headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"object": {"object": "payment_intent"}}},
        {"data": {"object": {"object": "payment_intent", "id": 5, "amount": "x", "currency": None}}},
        {"data": {"object": []}},
        {"data": {}},
        {"id": None},
        {"id": "x" * 5000},
        {"type": ["a"]},
        {"object": "something"},
    ],
    ids=str,
)
def test_a_signed_event_that_makes_no_sense_breaks_nothing(
    anybody: httpx.Client, secret: str, changes: Json
) -> None:
    body = event(**changes)
    answer = anybody.post(WEBHOOK, content=body, headers=signed(body, secret))
    assert answer.status_code in (200, 400), answer.text


def test_a_huge_event_is_refused_before_it_is_read(anybody: httpx.Client, secret: str) -> None:
    body = event(padding="x" * 300_000)
    assert anybody.post(WEBHOOK, content=body, headers=signed(body, secret)).status_code == 413


def test_webhooks_come_in_on_their_own_path_of_the_external_gateway_only(
    external: OpenGate, internal: OpenGate, secret: str
) -> None:
    body = event()
    headers = signed(body, secret)
    with external.client() as outside, internal.client() as inside:
        assert inside.post(WEBHOOK, content=body, headers=headers).status_code == 404
        for path in (WEBHOOK + "/", WEBHOOK + "/x", "/billing/v1/webhooks", "/billing/v1/webhooks/other"):
            assert outside.post(path, content=body, headers=headers).status_code == 404
        for method in ("GET", "PUT", "DELETE"):
            answer = outside.request(method, WEBHOOK, headers=headers)
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        signed_elsewhere = outside.post("/billing/v1/payments", content=body, headers=headers)
        assert signed_elsewhere.status_code == 401
