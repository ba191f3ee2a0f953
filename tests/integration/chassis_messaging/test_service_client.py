"""Calls to other services: tokens, retries, circuits, and errors for the caller."""

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
    """A fake of auth's token endpoint, and of locker by `respond`."""

    def __init__(self) -> None:
        self.calls: list[httpx.Request] = []
        self.token_requests: list[httpx.Request] = []
        self.valid = "token-1"
        self.expires_in = 300
        self.respond: Answer = lambda _request: httpx.Response(200, json={})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/v1/token":
            self.token_requests.append(request)
            self.valid = f"token-{len(self.token_requests)}"
            return httpx.Response(200, json={"access_token": self.valid, "expires_in": self.expires_in})
        self.calls.append(request)
        if request.headers["Authorization"] != f"Bearer {self.valid}":
            return httpx.Response(401)
        return self.respond(request)


@pytest.fixture
def peers() -> Iterator[Peers]:
    fake = Peers()
    service_client.set_transport(httpx.MockTransport(fake))
    with stamina.set_testing(True, attempts=3, cap=True):
        yield fake


def respond_with(*statuses: int) -> Answer:
    """Responses with these statuses in order, then always with the last one."""
    left = list(statuses)
    return lambda _request: httpx.Response(left.pop(0) if len(left) > 1 else left[0], json={"ok": True})


def test_a_timed_out_call_is_not_retried_and_a_refused_connection_is(peers: Peers) -> None:
    def fails(error: type[httpx.TransportError]) -> Answer:
        def fail(_request: httpx.Request) -> httpx.Response:
            raise error("no response")

        return fail

    for error, calls in ((httpx.ReadTimeout, 1), (httpx.ConnectTimeout, 1), (httpx.ConnectError, 3)):
        peers.calls.clear()
        peers.respond = fails(error)
        with pytest.raises(ServiceUnavailable):
            peer("locker").get("/a")
        assert len(peers.calls) == calls


def test_one_token_is_requested_with_the_client_secret(peers: Peers) -> None:
    for _ in range(3):
        assert peer("locker").get("/locker/v1/locations/loc_1").status_code == 200
    (request,) = peers.token_requests
    assert request.content == b"grant_type=client_credentials"
    assert request.headers["Authorization"] == "Basic Y3VzdG9tZXI6c2VjcmV0"
    assert str(peers.calls[0].url) == "https://locker.test/locker/v1/locations/loc_1"


def test_a_token_about_to_expire_is_not_used(peers: Peers) -> None:
    peers.expires_in = service_client.TOKEN_LEEWAY_SECONDS
    peer("locker").get("/a")
    peer("locker").get("/b")
    assert len(peers.token_requests) == 2


def test_a_token_that_is_no_longer_accepted_is_replaced_once(peers: Peers) -> None:
    peer("locker").get("/a")
    peers.valid = "keys were changed"
    assert peer("locker").get("/b").status_code == 200
    assert len(peers.token_requests) == 2


def test_concurrent_calls_request_one_token(peers: Peers) -> None:
    started = threading.Barrier(8)

    def slowly(request: httpx.Request) -> httpx.Response:
        time.sleep(0.2 if request.url.path == "/auth/v1/token" else 0)
        return peers(request)

    service_client.set_transport(httpx.MockTransport(slowly))

    def call(number: int) -> int:
        started.wait()
        return peer("locker").get(f"/{number}").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(8))) == {200}
    assert len(peers.token_requests) == 1


def test_a_failed_token_request_fails_all_waiting_calls() -> None:
    started, requests = threading.Barrier(8), []

    def away(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        time.sleep(0.2)
        raise httpx.ReadTimeout("auth says nothing")

    def call(number: int) -> bool:
        started.wait()
        with pytest.raises(ServiceUnavailable):
            peer("locker").get(f"/{number}")
        return True

    service_client.set_transport(httpx.MockTransport(away))
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(8)))
    assert len(requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_401_or_403_for_this_service_is_unavailable(peers: Peers, status: int) -> None:
    peers.respond = respond_with(status)
    with pytest.raises(ServiceUnavailable) as raised:
        peer("locker").get("/a")
    assert raised.value.status == 503


def test_a_get_is_retried(peers: Peers) -> None:
    peers.respond = respond_with(503, 500, 200)
    assert peer("locker").get("/a").json() == {"ok": True}
    assert len(peers.calls) == 3


def test_a_failed_get_is_a_503_with_retry_after(peers: Peers) -> None:
    peers.respond = respond_with(503)
    with pytest.raises(ServiceUnavailable) as raised:
        peer("locker").get("/a")
    assert len(peers.calls) == 3
    assert int(raised.value.headers["Retry-After"]) > 0
    assert "locker" in raised.value.detail


def test_a_post_without_a_key_is_not_retried(peers: Peers) -> None:
    peers.respond = respond_with(503)
    with pytest.raises(ServiceUnavailable):
        peer("locker").post("/a", json={})
    assert len(peers.calls) == 1


@pytest.mark.parametrize("how", [{"idempotency_key": "key-1"}, {"repeatable": True}])
def test_a_post_with_a_key_is_retried(peers: Peers, how: dict[str, object]) -> None:
    peers.respond = respond_with(504, 201)
    assert peer("locker").post("/a", json={"n": 1}, **how).status_code == 201  # type: ignore[arg-type]
    first, second = peers.calls
    assert first.content == second.content == b'{"n":1}'
    assert (
        first.headers.get("Idempotency-Key") == second.headers.get("Idempotency-Key") == how.get("idempotency_key")
    )


def test_a_failed_connection_is_unavailable(peers: Peers) -> None:
    def refuses(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    peers.respond = refuses
    with pytest.raises(ServiceUnavailable), structlog.testing.capture_logs() as lines:
        peer("locker").delete("/a")
    assert lines[-1]["reason"] == "ConnectError"


def test_the_circuit_opens_for_a_peer_that_is_down_and_closes_again(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers.respond = respond_with(503)
    for _ in range(4):
        with pytest.raises(ServiceUnavailable):
            peer("locker").get("/a")
    assert len(peers.calls) == 5
    monkeypatch.setattr(peer("locker")._circuit, "reset_seconds", 0.0)
    peers.respond = respond_with(200)
    assert peer("locker").get("/a").status_code == 200
    assert peer("locker").get("/a").status_code == 200


def test_client_errors_do_not_open_the_circuit(peers: Peers) -> None:
    peers.respond = respond_with(404)
    for _ in range(10):
        with pytest.raises(ServiceProblem):
            peer("locker").get("/a")
    assert len(peers.calls) == 10


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_401_403_or_500_does_not_open_the_circuit(peers: Peers, status: int) -> None:
    peers.respond = respond_with(status)
    for _ in range(6):
        with pytest.raises(ServiceUnavailable):
            peer("locker").post("/a")
    peers.respond = respond_with(200)
    assert peer("locker").post("/b").status_code == 200


@pytest.mark.parametrize("error", [httpx.WriteTimeout, httpx.PoolTimeout, httpx.ConnectTimeout])
def test_every_deadline_is_waited_for_once(peers: Peers, error: type[httpx.TransportError]) -> None:
    def hangs(_request: httpx.Request) -> httpx.Response:
        raise error("no response")

    peers.respond = hangs
    with pytest.raises(ServiceUnavailable):
        peer("locker").get("/a")
    assert len(peers.calls) == 1


def test_a_hanging_auth_opens_its_own_circuit(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    requests, is_hanging = [], True

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if is_hanging:
            raise httpx.ConnectTimeout("auth says nothing")
        return peers(request)

    service_client.set_transport(httpx.MockTransport(respond))
    for _ in range(8):
        with pytest.raises(ServiceUnavailable):
            peer("locker").get("/a")
    assert len(requests) == 5, "then nobody waits for auth"
    is_hanging = False
    monkeypatch.setattr(service_client._network().token.circuit, "reset_seconds", 0.0)
    assert peer("locker").get("/a").status_code == 200, "the circuit of locker was never open"


def test_an_open_circuit_is_logged_and_counted(peers: Peers) -> None:
    peers.respond = respond_with(503)
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                peer("locker").get("/a")
    opened = [line for line in lines if line["event"] == "circuit"]
    assert [(line["dependency"], line["state"]) for line in opened] == [("locker", "open")]


def test_an_error_has_the_problem_of_the_peer(peers: Peers) -> None:
    problem = {
        "type": "https://docs.reclothes.example/problems/product-unavailable",
        "title": "A product is no longer available",
        "status": 409,
        "detail": "gone",
        "unavailable_product_ids": ["prd_1"],
    }
    peers.respond = lambda _request: httpx.Response(409, json=problem)
    with pytest.raises(ServiceProblem) as raised:
        peer("locker").post("/a", json={}, idempotency_key="k")
    assert (raised.value.status, raised.value.slug, raised.value.detail) == (409, "product-unavailable", "gone")
    assert raised.value.document["unavailable_product_ids"] == ["prd_1"]
    assert len(peers.calls) == 1


def test_an_error_without_a_problem_document_is_a_problem(peers: Peers) -> None:
    peers.respond = lambda _request: httpx.Response(400, text="<html>")
    with pytest.raises(ServiceProblem) as raised:
        peer("locker").get("/a")
    assert (raised.value.status, raised.value.slug) == (400, "peer-refused")


def test_calls_to_one_peer_do_not_wait_for_each_other(peers: Peers) -> None:
    both_are_there = threading.Barrier(2)

    def respond(_request: httpx.Request) -> httpx.Response:
        both_are_there.wait(timeout=10)
        return httpx.Response(200, json={})

    peer("locker").get("/warm-up")
    peers.respond = respond
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(peer("locker").get("/a").status_code)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]


def test_request_id_and_trace_are_sent(peers: Peers) -> None:
    tracing.configure("customer", None)
    logs.bind(request_id="req-12345678")
    try:
        with tracing.span("test", tracing.SpanKind.SERVER) as trace_id:
            peer("locker").get("/a")
    finally:
        logs.clear()
    (call,) = peers.calls
    assert call.headers["X-Request-Id"] == "req-12345678"
    assert call.headers["traceparent"].split("-")[1] == trace_id


def test_an_unavailable_auth_is_a_503(peers: Peers) -> None:
    service_client.set_transport(httpx.MockTransport(lambda _request: httpx.Response(500)))
    with pytest.raises(ServiceUnavailable):
        peer("locker").get("/a")


def test_a_peer_without_a_url_names_the_variable(peers: Peers) -> None:
    with pytest.raises(ServiceUnavailable, match="RECLOTHES_PEER_ADMIN_URL"):
        peer("admin")
