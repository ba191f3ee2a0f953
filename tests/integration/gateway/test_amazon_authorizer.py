"""The Lambda authorizer: 401 for a token that auth rejects, and a failure (503) when auth is unavailable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tools.gateway.amazon import authorizer


class Auth(BaseHTTPRequestHandler):
    """The exchange: it knows one token."""

    seen: list[tuple[str, str]] = []
    received: dict[str, str] = {}

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path))
        self.received.update({name.lower(): value for name, value in self.headers.items()})
        known = {"Bearer rco_good": 200, "Bearer rco_broken": 500, "Bearer rco_mute": 200}
        status = known.get(self.headers["Authorization"], 401)
        self.send_response(status)
        if self.headers["Authorization"] == "Bearer rco_good":
            self.send_header("Authorization", "Bearer jwt")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(autouse=True)
def auth(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = HTTPServer(("127.0.0.1", 0), Auth)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("AUTH_EXCHANGE_URL", f"http://127.0.0.1:{server.server_port}/exchange/external")
    yield
    server.shutdown()
    server.server_close()


def event(*tokens: str) -> dict[str, Any]:
    return {
        "methodArn": "arn:aws:execute-api:eu-central-1:1:api/live/GET/customer/v1/profile",
        "httpMethod": "GET",
        "path": "/customer/v1/profile",
        "multiValueHeaders": {"authorization": list(tokens)} if tokens else {},
        "headers": {},
        "requestContext": {"requestId": "req-1", "identity": {"sourceIp": "192.0.2.7"}},
    }


def test_valid_token_is_exchanged_for_a_jwt() -> None:
    response = authorizer.handler(event("Bearer rco_good"))
    assert response["context"] == {"authorization": "Bearer jwt"}
    [statement] = response["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", event()["methodArn"])
    assert Auth.seen[-1] == ("GET", "/exchange/external/customer/v1/profile")
    assert (Auth.received["x-request-id"], Auth.received["x-forwarded-for"]) == ("req-1", "192.0.2.7")


@pytest.mark.parametrize(
    "tokens",
    [
        (),
        ("Bearer rco_dead",),
        ("Bearer rco_good", "Bearer rco_good"),
        ("Bearer rco_good\r\nX-A: b",),
        ("Bearer \u20ac",),
    ],
)
def test_missing_invalid_duplicate_and_malformed_tokens_are_unauthorized(tokens: tuple[str, ...]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorizer.handler(event(*tokens))


@pytest.mark.parametrize("token", ["Bearer rco_broken", "Bearer rco_mute"])
def test_failing_auth_grants_no_access(token: str) -> None:
    with pytest.raises(authorizer.AuthUnavailable):
        authorizer.handler(event(token))


def test_unavailable_auth_grants_no_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_EXCHANGE_URL", "http://127.0.0.1:9/exchange/external")
    with pytest.raises(authorizer.AuthUnavailable):
        authorizer.handler(event("Bearer rco_good"))
