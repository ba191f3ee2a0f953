"""The error rate after a roll-out, and the smoke test, against servers that behave and servers that do not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tools.release import error_rate
from tools.release.smoke import Account, Smoke

PROBLEM = {"content-type": "application/problem+json"}


def prometheus(*rates: tuple[str, str]) -> httpx.MockTransport:
    result = [{"metric": {"namespace": service}, "value": [0, rate]} for service, rate in rates]
    return httpx.MockTransport(lambda _: httpx.Response(200, json={"data": {"result": result}}))


def watched(transport: httpx.BaseTransport) -> tuple[str | None, list[float]]:
    pauses: list[float] = []
    fault = error_rate.watch(
        "https://prometheus.test", ["auth", "billing"], seconds=60, pause=pauses.append, transport=transport
    )
    return fault, pauses


def test_a_quiet_release_is_watched_to_the_end() -> None:
    fault, pauses = watched(prometheus(("auth", "0.001"), ("billing", "NaN")))
    assert fault is None
    assert sum(pauses) == 60


def test_too_many_errors_end_the_watch_at_once() -> None:
    fault, pauses = watched(prometheus(("auth", "0"), ("billing", "0.25")))
    assert fault == "25.0% of the requests to billing fail, more than 2%"
    assert pauses == []


def test_what_cannot_be_watched_is_not_well() -> None:
    fault, _ = watched(httpx.MockTransport(lambda _: httpx.Response(502)))
    assert fault is not None
    assert fault.startswith("the error rate is not known")


def test_only_the_released_services_are_asked_for() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["query"])
        return httpx.Response(200, json={"data": {"result": []}})

    watched(httpx.MockTransport(answer))
    assert 'namespace=~"auth|billing"' in asked[0]


def platform(request: httpx.Request) -> httpx.Response:
    """A platform that answers as it should."""
    path, has_token = request.url.path, request.headers.get("authorization") == "Bearer good"
    if path == "/auth/v1/logins":
        is_known = b"buyer@" in request.content
        return httpx.Response(201, json={"access_token": "good"}) if is_known else httpx.Response(
            401, json={}, headers=PROBLEM)  # fmt: skip
    if path.startswith("/.well-known/"):
        return httpx.Response(200, json={"issuer": "https://api.test"})
    if path in ("/shopping/v1/products", "/locker/v1/locations"):
        return httpx.Response(200, json={"items": []})
    if path == "/billing/v1/payment-configuration":
        return httpx.Response(200, json={})
    if request.url.host == "external.test" and path in ("/admin/v1/work-orders", "/metrics", "/auth/v1/jwks"):
        return httpx.Response(404, json={}, headers=PROBLEM)
    if has_token and request.method == "DELETE":
        ended.append(path)
        return httpx.Response(204)
    if has_token and not ended:
        return httpx.Response(200, json={})
    return httpx.Response(401, json={}, headers=PROBLEM)


ended: list[str] = []


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a smoke test whose gateways are `answer`."""
    ended.clear()
    real = httpx.Client

    def make(answer: Any) -> Smoke:
        monkeypatch.setattr(
            httpx, "Client", lambda *, base_url, **_: real(base_url=base_url, transport=httpx.MockTransport(answer))
        )
        account = Account("buyer@reclothes.example", "secret-word")
        return Smoke("https://external.test", internal_url="https://internal.test", account=account)

    return make


def test_a_platform_that_is_well_passes_and_its_session_is_ended(smoke: Any) -> None:
    results = smoke(platform).run()
    assert [result for result in results if result.fault] == []
    assert len(results) == 10
    assert ended == ["/auth/v1/session"]


def broken(path: str, answer: httpx.Response) -> Any:
    return lambda request: answer if request.url.path == path else platform(request)


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/shopping/v1/products", httpx.Response(503, json={}, headers=PROBLEM), "503 application/problem+json"),
        ("/locker/v1/locations", httpx.Response(200, json={"items": None}), "the locations are no list"),
        ("/.well-known/oauth-authorization-server", httpx.Response(200, text="hello"), "200 text/plain"),
        ("/metrics", httpx.Response(200, text="up 1"), "GET /metrics answered 200, not 404"),
        ("/shopping/v1/cart", httpx.Response(200, json={}), "not 401"),
    ],
)
def test_what_is_broken_fails_its_check_and_the_others_still_run(
    path: str, answer: httpx.Response, told: str, smoke: Any
) -> None:
    results = smoke(broken(path, answer)).run()
    faults = [result.fault for result in results if result.fault]
    assert len(results) == 10
    assert any(told in fault for fault in faults), faults


def test_a_platform_that_is_away_fails_every_check(smoke: Any) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    assert all(result.fault == "connection refused" for result in smoke(away).run())


def test_the_password_is_in_no_representation() -> None:
    assert "secret-word" not in repr(Account("buyer@reclothes.example", "secret-word"))
