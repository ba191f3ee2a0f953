"""The error rate after a roll-out and the smoke test, against healthy and broken servers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tools.deployment import error_rate
from tools.deployment.smoke import Account, SmokeTest

PROBLEM = {"content-type": "application/problem+json"}


def prometheus(*rates: tuple[str, str]) -> httpx.MockTransport:
    result = [{"metric": {"namespace": service}, "value": [0, rate]} for service, rate in rates]
    return httpx.MockTransport(lambda _: httpx.Response(200, json={"data": {"result": result}}))


def watched(transport: httpx.BaseTransport) -> tuple[str | None, list[float]]:
    pauses: list[float] = []
    problem = error_rate.watch(
        "https://prometheus.test", ["auth", "billing"], seconds=60, pause=pauses.append, transport=transport
    )
    return problem, pauses


def test_low_error_rate_is_watched_to_the_end() -> None:
    problem, pauses = watched(prometheus(("auth", "0.001"), ("billing", "NaN")))
    assert problem is None
    assert sum(pauses) == 60


def test_high_error_rate_ends_the_watch() -> None:
    problem, pauses = watched(prometheus(("auth", "0"), ("billing", "0.25")))
    assert problem == "25.0% of the requests to billing fail, more than 2%"
    assert pauses == []


def test_unavailable_prometheus_is_a_problem() -> None:
    problem, _ = watched(httpx.MockTransport(lambda _: httpx.Response(502)))
    assert problem is not None
    assert problem.startswith("the error rate cannot be read from Prometheus")


def test_only_deployed_services_are_queried() -> None:
    queries: list[str] = []

    def response(request: httpx.Request) -> httpx.Response:
        queries.append(request.url.params["query"])
        return httpx.Response(200, json={"data": {"result": []}})

    watched(httpx.MockTransport(response))
    assert 'namespace=~"auth|billing"' in queries[0]


def platform(request: httpx.Request) -> httpx.Response:
    """A healthy platform."""
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
    """Make a smoke test whose gateways are `response`."""
    ended.clear()
    real = httpx.Client

    def make(response: Any) -> SmokeTest:
        monkeypatch.setattr(
            httpx,
            "Client",
            lambda *, base_url, **_: real(base_url=base_url, transport=httpx.MockTransport(response)),
        )
        account = Account("buyer@reclothes.example", "secret-word")
        return SmokeTest("https://external.test", internal_url="https://internal.test", account=account)

    return make


def test_healthy_platform_passes_and_the_session_is_ended(smoke: Any) -> None:
    results = smoke(platform).run()
    assert [result for result in results if result.problem] == []
    assert len(results) == 10
    assert ended == ["/auth/v1/session"]


def broken(path: str, response: httpx.Response) -> Any:
    return lambda request: response if request.url.path == path else platform(request)


@pytest.mark.parametrize(
    ("path", "response", "message"),
    [
        ("/shopping/v1/products", httpx.Response(503, json={}, headers=PROBLEM), "503 application/problem+json"),
        (
            "/locker/v1/locations",
            httpx.Response(200, json={"items": None}),
            "the response has no list of locations",
        ),
        ("/.well-known/oauth-authorization-server", httpx.Response(200, text="hello"), "200 text/plain"),
        ("/metrics", httpx.Response(200, text="up 1"), "GET /metrics responded with 200, not 404"),
        ("/shopping/v1/cart", httpx.Response(200, json={}), "expected 401"),
    ],
)
def test_failed_check_does_not_stop_the_others(
    path: str, response: httpx.Response, message: str, smoke: Any
) -> None:
    results = smoke(broken(path, response)).run()
    problems = [result.problem for result in results if result.problem]
    assert len(results) == 10
    assert any(message in problem for problem in problems), problems


def test_every_check_fails_when_the_platform_is_unavailable(smoke: Any) -> None:
    def refuse_connection(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    assert all(result.problem == "connection refused" for result in smoke(refuse_connection).run())


def test_password_is_not_in_the_representation() -> None:
    assert "secret-word" not in repr(Account("buyer@reclothes.example", "secret-word"))
