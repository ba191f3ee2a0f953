"""The smoke test of a release: real requests through the gateways, which touch every service and its stores.

It changes nothing but the sessions of its own account. Each check says in a line what it asked and what came back.
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
SLOWEST_SECONDS = 10.0


class Failed(Exception):
    """A check got something else than it should; the message says what."""


@dataclass(frozen=True)
class Account:
    """Who logs in for the checks that need it. The password is never shown."""

    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Result:
    check: str
    fault: str | None


class Smoke:
    """The checks of one environment; `internal_url` and `account` add theirs."""

    def __init__(
        self,
        url: str,
        *,
        internal_url: str | None = None,
        ca_file: Path | None = None,
        account: Account | None = None,
    ) -> None:
        trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._external = httpx.Client(base_url=url, verify=trust, timeout=SLOWEST_SECONDS)
        self._internal = (
            httpx.Client(base_url=internal_url, verify=trust, timeout=SLOWEST_SECONDS) if internal_url else None
        )
        self._account = account

    def run(self) -> list[Result]:
        """All checks, in order, whatever the ones before gave."""
        return [self._result(name, check) for name, check in self._checks()]

    def _checks(self) -> list[tuple[str, Callable[[], None]]]:
        checks = [
            ("auth answers", self._auth_answers),
            ("auth reads its accounts", self._a_wrong_password_is_refused),
            ("shopping reads its products", self._products_can_be_browsed),
            ("locker reads its locations", self._locations_are_listed),
            ("billing answers", self._billing_answers),
            ("a token is needed", self._a_token_is_needed),
            ("a made-up token is refused", self._a_made_up_token_is_refused),
            ("what is not exposed is not there", self._what_is_not_exposed_is_not_there),
        ]
        if self._internal is not None:
            checks.append(("admin is behind the internal gateway", self._staff_must_log_in))
        if self._account is not None:
            checks.append(("customer, shopping and billing know the account", self._an_account_is_served))
        return checks

    def _result(self, name: str, check: Callable[[], None]) -> Result:
        try:
            check()
        except (Failed, httpx.HTTPError) as error:
            return Result(name, str(error) or type(error).__name__)
        return Result(name, None)

    def _auth_answers(self) -> None:
        told = _json(self._external.get("/.well-known/oauth-authorization-server"))
        _demand("issuer" in told, "the authorization server does not say who it is")

    def _a_wrong_password_is_refused(self) -> None:
        stranger = {"user_name": f"nobody.{uuid.uuid4().hex}@smoke.example", "password": uuid.uuid4().hex}
        _json(self._external.post("/auth/v1/logins", json=stranger), 401, PROBLEM)

    def _products_can_be_browsed(self) -> None:
        told = _json(self._external.get("/shopping/v1/products", params={"limit": 1}))
        _demand(isinstance(told.get("items"), list), "the products are no list")

    def _locations_are_listed(self) -> None:
        told = _json(self._external.get("/locker/v1/locations", params={"limit": 1}))
        _demand(isinstance(told.get("items"), list), "the locations are no list")

    def _billing_answers(self) -> None:
        _json(self._external.get("/billing/v1/payment-configuration"))

    def _a_token_is_needed(self) -> None:
        _json(self._external.get("/shopping/v1/cart"), 401, PROBLEM)

    def _a_made_up_token_is_refused(self) -> None:
        made_up = {"Authorization": f"Bearer {uuid.uuid4().hex}"}
        _json(self._external.get("/customer/v1/profile", headers=made_up), 401, PROBLEM)

    def _what_is_not_exposed_is_not_there(self) -> None:
        for path in ("/admin/v1/work-orders", "/metrics", "/auth/v1/jwks"):
            answer = self._external.get(path)
            _demand(answer.status_code == 404, f"GET {path} answered {answer.status_code}, not 404")

    def _staff_must_log_in(self) -> None:
        assert self._internal is not None
        _json(self._internal.get("/admin/v1/work-orders"), 401, PROBLEM)

    def _an_account_is_served(self) -> None:
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


def _json(answer: httpx.Response, status: int = 200, media_type: str = "application/json") -> Json:
    """The answer's JSON, when it is what was expected."""
    asked = f"{answer.request.method} {answer.request.url.path}"
    found = answer.headers.get("content-type", "nothing").partition(";")[0]
    request_id = answer.headers.get("x-request-id", "none")
    if answer.status_code != status or found != media_type:
        raise Failed(
            f"{asked} answered {answer.status_code} {found}, not {status} {media_type} (request id {request_id})"
        )
    told: Json = answer.json()
    return told


def _demand(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Failed(otherwise)
