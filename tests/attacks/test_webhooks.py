"""Webhooks of the payment provider: authenticated by signature and timestamp instead of a token."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import httpx
import pytest

from tests.attacks.gateways import UnthrottledGateway
from tests.support.platform import RunningPlatform

WEBHOOK = "/billing/v1/webhooks/stripe"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def secret(platform: RunningPlatform) -> str:
    secrets = json.loads((platform.layout.secrets_dir / "secrets.json").read_text())
    secret: str = secrets["stripe_webhook_secret"]
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
    timestamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "stripe-signature": f"t={timestamp},{scheme}={digest}"}


def assert_rejected(response: httpx.Response) -> None:
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_a_signed_event_is_accepted(anonymous: httpx.Client, secret: str) -> None:
    body = event()
    response = anonymous.post(WEBHOOK, content=body, headers=signed(body, secret))
    assert (response.status_code, response.json()) == (200, {"received": True})


def test_a_signature_of_another_body_or_secret_is_rejected(anonymous: httpx.Client, secret: str) -> None:
    body = event()
    correct = signed(body, secret)
    attempts = [
        (event(), correct),
        (body + b" ", correct),
        (body.replace(b"100", b"900"), correct),
        (body, signed(body, "whsec_guessed")),
        (body, signed(body, "")),
        (body, signed(body, secret, scheme="v0")),
        (body, correct | {"stripe-signature": correct["stripe-signature"].replace("v1=", "v1=00")}),
        (body, correct | {"stripe-signature": correct["stripe-signature"].split(",")[0]}),
        (body, correct | {"stripe-signature": correct["stripe-signature"].split(",")[1]}),
        (body, correct | {"stripe-signature": f"t={int(time.time())},v1="}),
        (body, correct | {"stripe-signature": "t=x,v1=x"}),
        (body, correct | {"stripe-signature": ""}),
        (body, correct | {"stripe-signature": "x" * 900}),
    ]
    for content, headers in attempts:
        assert_rejected(anonymous.post(WEBHOOK, content=content, headers=headers))


def test_an_event_without_a_signature_is_rejected(anonymous: httpx.Client, buyer_token: str) -> None:
    body = event()
    plain = {"content-type": "application/json"}
    assert_rejected(anonymous.post(WEBHOOK, content=body, headers=plain))
    with_token = plain | {"authorization": f"Bearer {buyer_token}"}
    assert_rejected(anonymous.post(WEBHOOK, content=body, headers=with_token))


@pytest.mark.parametrize("age_seconds", [310, 3600, 10**9])
def test_an_old_event_is_rejected_in_spite_of_its_signature(
    anonymous: httpx.Client, secret: str, age_seconds: int
) -> None:
    body = event()
    assert_rejected(anonymous.post(WEBHOOK, content=body, headers=signed(body, secret, time.time() - age_seconds)))


def test_an_old_signature_cannot_be_combined_with_a_new_timestamp(anonymous: httpx.Client, secret: str) -> None:
    body = event()
    old = signed(body, secret, time.time() - 4000)["stripe-signature"].split(",")[1]
    headers = signed(body, secret) | {"stripe-signature": f"t={int(time.time())},{old}"}
    assert_rejected(anonymous.post(WEBHOOK, content=body, headers=headers))


def test_a_repeated_event_is_accepted(anonymous: httpx.Client, secret: str, platform: RunningPlatform) -> None:
    body = event()
    headers = signed(body, secret)
    responses = [anonymous.post(WEBHOOK, content=body, headers=headers) for _ in range(3)]
    assert {response.status_code for response in responses} == {200}


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
def test_a_signed_event_with_invalid_content_causes_no_server_error(
    anonymous: httpx.Client, secret: str, changes: Json
) -> None:
    body = event(**changes)
    response = anonymous.post(WEBHOOK, content=body, headers=signed(body, secret))
    assert response.status_code in (200, 400), response.text


def test_an_event_that_is_too_long_is_rejected(anonymous: httpx.Client, secret: str) -> None:
    body = event(padding="x" * 300_000)
    assert anonymous.post(WEBHOOK, content=body, headers=signed(body, secret)).status_code == 413


def test_webhooks_are_accepted_on_one_path_of_the_external_gateway_only(
    external: UnthrottledGateway, internal: UnthrottledGateway, secret: str
) -> None:
    body = event()
    headers = signed(body, secret)
    with external.client() as external_client, internal.client() as internal_client:
        assert internal_client.post(WEBHOOK, content=body, headers=headers).status_code == 404
        for path in (WEBHOOK + "/", WEBHOOK + "/x", "/billing/v1/webhooks", "/billing/v1/webhooks/other"):
            assert external_client.post(path, content=body, headers=headers).status_code == 404
        for method in ("GET", "PUT", "DELETE"):
            response = external_client.request(method, WEBHOOK, headers=headers)
            assert (response.status_code, response.headers["allow"]) == (405, "POST")
        other_path = external_client.post("/billing/v1/payments", content=body, headers=headers)
        assert other_path.status_code == 401
