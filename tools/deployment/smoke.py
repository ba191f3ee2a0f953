"""The smoke test of a release: real requests through the gateways, which touch every service and its stores.

It changes nothing but the sessions of its own account.
"""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]
PROBLEM = "application/problem+json"
TIMEOUT_SECONDS = 10.0


class CheckFailed(Exception):
    """A response was not as expected; the message has the request and the response."""


@dataclass(frozen=True)
class Account:
    """The account of the checks that need a log-in. The password is never printed."""

    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Result:
    check: str
    problem: str | None


class SmokeTest:
    """The checks of one environment; `internal_url` and `account` add more."""

    def __init__(
        self,
        url: str,
        *,
        internal_url: str | None = None,
        ca_file: Path | None = None,
        account: Account | None = None,
    ) -> None:
        trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._external = httpx.Client(base_url=url, verify=trust, timeout=TIMEOUT_SECONDS)
        self._internal = (
            httpx.Client(base_url=internal_url, verify=trust, timeout=TIMEOUT_SECONDS) if internal_url else None
        )
        self._account = account

    def run(self) -> list[Result]:
        """Run all checks in order, also after a failure."""
        return [self._result(name, check) for name, check in self._checks()]

    def _checks(self) -> list[tuple[str, Callable[[], None]]]:
        checks = [
            ("auth responds", self._check_auth),
            ("auth reads its accounts", self._check_wrong_password),
            ("shopping reads its products", self._check_products),
            ("locker reads its locations", self._check_locations),
            ("billing responds", self._check_billing),
            ("a request without a token is rejected", self._check_missing_token),
            ("an invalid token is rejected", self._check_invalid_token),
            ("internal operations are not exposed", self._check_internal_operations),
        ]
        if self._internal is not None:
            checks.append(("admin responds behind the internal gateway", self._check_admin))
        if self._account is not None:
            checks.append(("customer, shopping and billing serve the account", self._check_account))
        return checks

    def _result(self, name: str, check: Callable[[], None]) -> Result:
        try:
            check()
        except (CheckFailed, httpx.HTTPError) as error:
            return Result(name, str(error) or type(error).__name__)
        return Result(name, None)

    def _check_auth(self) -> None:
        document = _json(self._external.get("/.well-known/oauth-authorization-server"))
        _require("issuer" in document, "the authorization server metadata have no issuer")

    def _check_wrong_password(self) -> None:
        unknown = {"user_name": f"nobody.{uuid.uuid4().hex}@smoke.example", "password": uuid.uuid4().hex}
        _json(self._external.post("/auth/v1/logins", json=unknown), 401, PROBLEM)

    def _check_products(self) -> None:
        document = _json(self._external.get("/shopping/v1/products", params={"limit": 1}))
        _require(isinstance(document.get("items"), list), "the response has no list of products")

    def _check_locations(self) -> None:
        document = _json(self._external.get("/locker/v1/locations", params={"limit": 1}))
        _require(isinstance(document.get("items"), list), "the response has no list of locations")

    def _check_billing(self) -> None:
        _json(self._external.get("/billing/v1/payment-configuration"))

    def _check_missing_token(self) -> None:
        _json(self._external.get("/shopping/v1/cart"), 401, PROBLEM)

    def _check_invalid_token(self) -> None:
        invalid = {"Authorization": f"Bearer {uuid.uuid4().hex}"}
        _json(self._external.get("/customer/v1/profile", headers=invalid), 401, PROBLEM)

    def _check_internal_operations(self) -> None:
        for path in ("/admin/v1/work-orders", "/metrics", "/auth/v1/jwks"):
            status = self._external.get(path).status_code
            _require(status == 404, f"GET {path} responded with {status}, not 404")

    def _check_admin(self) -> None:
        assert self._internal is not None
        _json(self._internal.get("/admin/v1/work-orders"), 401, PROBLEM)

    def _check_account(self) -> None:
        assert self._account is not None
        body = {"user_name": self._account.user_name, "password": self._account.password}
        tokens = _json(self._external.post("/auth/v1/logins", json=body), 201)
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        try:
            for path in ("/auth/v1/session", "/customer/v1/profile", "/shopping/v1/cart", "/billing/v1/payments"):
                _json(self._external.get(path, headers=bearer))
        finally:
            self._external.delete("/auth/v1/session", headers=bearer)
        _json(self._external.get("/auth/v1/session", headers=bearer), 401, PROBLEM)


def _json(response: httpx.Response, status: int = 200, media_type: str = "application/json") -> Json:
    """Return the response's JSON document if its status and media type are as expected."""
    request = f"{response.request.method} {response.request.url.path}"
    received = response.headers.get("content-type", "no content type").partition(";")[0]
    request_id = response.headers.get("x-request-id", "none")
    if response.status_code != status or received != media_type:
        raise CheckFailed(
            f"{request} responded with {response.status_code} {received}, "
            f"expected {status} {media_type} (request id {request_id})"
        )
    document: Json = response.json()
    return document


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise CheckFailed(message)
