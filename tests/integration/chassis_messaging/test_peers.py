"""Calls to other services: tokens, retries, the breaker, and what the caller is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stamina
import structlog

from libs.chassis import logs, service_client, tracing
from libs.chassis.service_client import ServiceProblem, ServiceUnavailable, peer

Answer = Callable[[httpx.Request], httpx.Response]


class Peers:
    """Plays auth's token endpoint, and locker by `answer`."""

    def __init__(self) -> None:
        self.calls: list[httpx.Request] = []
        self.token_requests: list[httpx.Request] = []
        self.valid = "token-1"
        self.expires_in = 300
        self.answer: Answer = lambda _request: httpx.Response(200, json={})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/v1/token":
            self.token_requests.append(request)
            self.valid = f"token-{len(self.token_requests)}"
            return httpx.Response(200, json={"access_token": self.valid, "expires_in": self.expires_in})
        self.calls.append(request)
        if request.headers["Authorization"] != f"Bearer {self.valid}":
            return httpx.Response(401)
        return self.answer(request)


@pytest.fixture
def played() -> Iterator[Peers]:
    made = Peers()
    service_client.set_transport(httpx.MockTransport(made))
    with stamina.set_testing(True, attempts=3, cap=True):
        yield made


def answers(*statuses: int) -> Answer:
    """The statuses one after the other, then the last one for ever."""
    left = list(statuses)
    return lambda _request: httpx.Response(left.pop(0) if len(left) > 1 else left[0], json={"ok": True})


def test_a_peer_that_hangs_is_asked_once_and_one_that_refuses_again(played: Peers) -> None:
    def fails(error: type[httpx.TransportError]) -> Answer:
        def fail(_request: httpx.Request) -> httpx.Response:
            raise error("no response")

        return fail

    for error, calls in ((httpx.ReadTimeout, 1), (httpx.ConnectTimeout, 1), (httpx.ConnectError, 3)):
        played.calls.clear()
        played.answer = fails(error)
        with pytest.raises(ServiceUnavailable):
            peer("locker").get("/a")
        assert len(played.calls) == calls


def test_the_token_is_asked_for_once_with_the_services_own_secret(played: Peers) -> None:
    for _ in range(3):
        assert peer("locker").get("/locker/v1/locations/loc_1").status_code == 200
    (request,) = played.token_requests
    assert request.content == b"grant_type=client_credentials"
    assert request.headers["Authorization"] == "Basic Y3VzdG9tZXI6c2VjcmV0"
    assert str(played.calls[0].url) == "https://locker.test/locker/v1/locations/loc_1"


def test_a_token_about_to_expire_is_not_used(played: Peers) -> None:
    played.expires_in = service_client.TOKEN_LEEWAY_SECONDS
    peer("locker").get("/a")
    peer("locker").get("/b")
    assert len(played.token_requests) == 2


def test_a_token_that_is_no_longer_accepted_is_replaced_once(played: Peers) -> None:
    peer("locker").get("/a")
    played.valid = "keys were changed"
    assert peer("locker").get("/b").status_code == 200
    assert len(played.token_requests) == 2


def test_many_at_once_ask_for_one_token(played: Peers) -> None:
    started = threading.Barrier(8)

    def slowly(request: httpx.Request) -> httpx.Response:
        time.sleep(0.2 if request.url.path == "/auth/v1/token" else 0)
        return played(request)

    service_client.set_transport(httpx.MockTransport(slowly))

    def ask(number: int) -> int:
        started.wait()
        return peer("locker").get(f"/{number}").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {200}
    assert len(played.token_requests) == 1


def test_who_waited_for_a_token_fails_with_the_one_who_asked() -> None:
    started, asked = threading.Barrier(8), []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        time.sleep(0.2)
        raise httpx.ReadTimeout("auth says nothing")

    def ask(number: int) -> bool:
        started.wait()
        with pytest.raises(ServiceUnavailable):
            peer("locker").get(f"/{number}")
        return True

    service_client.set_transport(httpx.MockTransport(away))
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
    assert len(asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_this_service_is_not_passed_on_to_its_caller(played: Peers, status: int) -> None:
    played.answer = answers(status)
    with pytest.raises(ServiceUnavailable) as raised:
        peer("locker").get("/a")
    assert raised.value.status == 503


def test_a_get_is_tried_again(played: Peers) -> None:
    played.answer = answers(503, 500, 200)
    assert peer("locker").get("/a").json() == {"ok": True}
    assert len(played.calls) == 3


def test_a_get_is_given_up_with_a_503_that_says_when_to_come_back(played: Peers) -> None:
    played.answer = answers(503)
    with pytest.raises(ServiceUnavailable) as raised:
        peer("locker").get("/a")
    assert len(played.calls) == 3
    assert int(raised.value.headers["Retry-After"]) > 0
    assert "locker" in raised.value.detail


def test_a_post_is_not_repeated_unless_that_is_harmless(played: Peers) -> None:
    played.answer = answers(503)
    with pytest.raises(ServiceUnavailable):
        peer("locker").post("/a", json={})
    assert len(played.calls) == 1


@pytest.mark.parametrize("how", [{"idempotency_key": "key-1"}, {"repeatable": True}])
def test_a_harmless_post_is_repeated_as_it_was(played: Peers, how: dict[str, object]) -> None:
    played.answer = answers(504, 201)
    assert peer("locker").post("/a", json={"n": 1}, **how).status_code == 201  # type: ignore[arg-type]
    first, second = played.calls
    assert first.content == second.content == b'{"n":1}'
    assert (
        first.headers.get("Idempotency-Key") == second.headers.get("Idempotency-Key") == how.get("idempotency_key")
    )


def test_a_connection_that_fails_is_a_peer_that_is_away(played: Peers) -> None:
    def refuses(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    played.answer = refuses
    with pytest.raises(ServiceUnavailable), structlog.testing.capture_logs() as lines:
        peer("locker").delete("/a")
    assert lines[-1]["reason"] == "ConnectError"


def test_the_breaker_spares_a_peer_that_is_down_and_lets_it_come_back(
    played: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.answer = answers(503)
    for _ in range(4):
        with pytest.raises(ServiceUnavailable):
            peer("locker").get("/a")
    assert len(played.calls) == 5
    monkeypatch.setattr(peer("locker")._circuit, "reset_seconds", 0.0)
    played.answer = answers(200)
    assert peer("locker").get("/a").status_code == 200
    assert peer("locker").get("/a").status_code == 200


def test_refusals_of_requests_do_not_open_the_breaker(played: Peers) -> None:
    played.answer = answers(404)
    for _ in range(10):
        with pytest.raises(ServiceProblem):
            peer("locker").get("/a")
    assert len(played.calls) == 10


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_of_this_service_or_a_fault_of_one_operation_opens_no_circuit(played: Peers, status: int) -> None:
    played.answer = answers(status)
    for _ in range(6):
        with pytest.raises(ServiceUnavailable):
            peer("locker").post("/a")
    played.answer = answers(200)
    assert peer("locker").post("/b").status_code == 200


@pytest.mark.parametrize("error", [httpx.WriteTimeout, httpx.PoolTimeout, httpx.ConnectTimeout])
def test_every_deadline_is_waited_for_once(played: Peers, error: type[httpx.TransportError]) -> None:
    def hangs(_request: httpx.Request) -> httpx.Response:
        raise error("no response")

    played.answer = hangs
    with pytest.raises(ServiceUnavailable):
        peer("locker").get("/a")
    assert len(played.calls) == 1


def test_an_auth_that_hangs_opens_a_circuit_of_its_own(played: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, is_hanging = [], True

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if is_hanging:
            raise httpx.ConnectTimeout("auth says nothing")
        return played(request)

    service_client.set_transport(httpx.MockTransport(answer))
    for _ in range(8):
        with pytest.raises(ServiceUnavailable):
            peer("locker").get("/a")
    assert len(asked) == 5, "then nobody waits for auth"
    is_hanging = False
    monkeypatch.setattr(service_client._network().token.circuit, "reset_seconds", 0.0)
    assert peer("locker").get("/a").status_code == 200, "the circuit of locker was never open"


def test_an_open_circuit_is_logged_and_counted(played: Peers) -> None:
    played.answer = answers(503)
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                peer("locker").get("/a")
    opened = [line for line in lines if line["event"] == "circuit"]
    assert [(line["dependency"], line["state"]) for line in opened] == [("locker", "open")]


def test_a_refusal_carries_the_peers_problem(played: Peers) -> None:
    problem = {
        "type": "https://docs.reclothes.example/problems/product-unavailable",
        "title": "A product is no longer available",
        "status": 409,
        "detail": "gone",
        "unavailable_product_ids": ["prd_1"],
    }
    played.answer = lambda _request: httpx.Response(409, json=problem)
    with pytest.raises(ServiceProblem) as raised:
        peer("locker").post("/a", json={}, idempotency_key="k")
    assert (raised.value.status, raised.value.slug, raised.value.detail) == (409, "product-unavailable", "gone")
    assert raised.value.document["unavailable_product_ids"] == ["prd_1"]
    assert len(played.calls) == 1


def test_a_refusal_without_a_problem_document_is_a_problem_all_the_same(played: Peers) -> None:
    played.answer = lambda _request: httpx.Response(400, text="<html>")
    with pytest.raises(ServiceProblem) as raised:
        peer("locker").get("/a")
    assert (raised.value.status, raised.value.slug) == (400, "peer-refused")


def test_calls_to_one_peer_do_not_wait_for_each_other(played: Peers) -> None:
    both_are_there = threading.Barrier(2)

    def answer(_request: httpx.Request) -> httpx.Response:
        both_are_there.wait(timeout=10)
        return httpx.Response(200, json={})

    peer("locker").get("/warm-up")
    played.answer = answer
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(peer("locker").get("/a").status_code)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]


def test_request_and_trace_go_along(played: Peers) -> None:
    tracing.configure("customer", None)
    logs.bind(request_id="req-12345678")
    try:
        with tracing.span("test", tracing.SpanKind.SERVER) as trace_id:
            peer("locker").get("/a")
    finally:
        logs.clear()
    (call,) = played.calls
    assert call.headers["X-Request-Id"] == "req-12345678"
    assert call.headers["traceparent"].split("-")[1] == trace_id


def test_auth_away_is_a_503_too(played: Peers) -> None:
    service_client.set_transport(httpx.MockTransport(lambda _request: httpx.Response(500)))
    with pytest.raises(ServiceUnavailable):
        peer("locker").get("/a")


def test_a_peer_without_an_address_names_the_variable(played: Peers) -> None:
    with pytest.raises(ServiceUnavailable, match="RECLOTHES_PEER_ADMIN_URL"):
        peer("admin")
