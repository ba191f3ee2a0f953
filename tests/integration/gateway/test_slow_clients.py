"""Slow clients and slow services: all time limits apply."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

import h2.connection
import h2.events
import httpx
import pytest

from tests.integration.gateway.conftest import StartGateway, assert_problem
from tests.integration.gateway.running import Certificates, Envoy
from tests.integration.gateway.stubs import ReceivedRequest, StubResponse, StubServer

ORDERS = "/shop/v1/orders"
GOOD = {"authorization": "Bearer good"}
START = f"POST {ORDERS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n"
HEADERS_SECONDS = 1.0
REQUEST_SECONDS = 2.0
# What the machine that runs the tests may be late by.
TOLERANCE = 2.0


def drip(connection: ssl.SSLSocket, text: str) -> tuple[bytes, float]:
    """Send a byte every tenth of a second until the gateway responds; returns the response and the seconds."""
    begun = time.monotonic()
    connection.settimeout(0.1)
    for byte in text:
        try:
            connection.sendall(byte.encode())
            received = connection.recv(65536)
        except TimeoutError:
            continue
        except (ConnectionError, ssl.SSLError):
            received = b""
        return received, time.monotonic() - begun
    raise AssertionError("the gateway waited for all of it")


def test_slow_headers_time_out(gateway: Envoy) -> None:
    with gateway.connect() as connection:
        connection.sendall(START.encode())
        response, seconds = drip(connection, "X-Slow: " + "x" * 200)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert seconds < HEADERS_SECONDS + TOLERANCE


@pytest.mark.parametrize("framing", ["Content-Length: 500\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1F4\r\n"])
def test_slow_body_times_out(gateway: Envoy, shop: StubServer, framing: str) -> None:
    before = len(shop.requests)
    with gateway.connect() as connection:
        connection.sendall(f"{START}{framing}".encode())
        response, seconds = drip(connection, "x" * 400)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in response
    assert seconds < REQUEST_SECONDS + TOLERANCE
    assert len(shop.requests) == before


def test_slow_body_without_a_token_times_out(gateway: Envoy) -> None:
    with gateway.connect() as connection:
        connection.sendall(f"POST {ORDERS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n".encode())
        response, seconds = drip(connection, "x" * 400)
    assert response[:12] in (b"HTTP/1.1 401", b"HTTP/1.1 408")
    assert seconds < REQUEST_SECONDS + TOLERANCE


def test_slow_body_over_http_2_times_out(gateway: Envoy, shop: StubServer) -> None:
    before = len(shop.requests)
    pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", ORDERS)]
    speaker = h2.connection.H2Connection()
    begun = time.monotonic()
    with gateway.connect("h2") as connection:
        speaker.initiate_connection()
        speaker.send_headers(1, [*pseudo, *GOOD.items()])
        connection.sendall(speaker.data_to_send())
        status = _status_while_dripping(speaker, connection)
    assert status == "408"
    assert time.monotonic() - begun < REQUEST_SECONDS + TOLERANCE
    assert len(shop.requests) == before


def _status_while_dripping(speaker: h2.connection.H2Connection, connection: ssl.SSLSocket) -> str:
    connection.settimeout(0.1)
    for _ in range(100):
        speaker.send_data(1, b"x")
        connection.sendall(speaker.data_to_send())
        try:
            events = speaker.receive_data(connection.recv(65536))
        except TimeoutError:
            continue
        for event in events:
            if isinstance(event, h2.events.ResponseReceived):
                return bytes(dict(event.headers)[b":status"]).decode()
    raise AssertionError("the gateway waited for all of it")


def test_incomplete_handshake_times_out(gateway: Envoy) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01")  # The beginning of a ClientHello.
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    assert time.monotonic() - begun < HEADERS_SECONDS + TOLERANCE


def test_idle_connection_is_closed(start_gateway: StartGateway) -> None:
    gateway = start_gateway(config={"timeouts": timeouts(client_idle_seconds=0.5)})
    with gateway.connect("http/1.1") as connection:
        begun = time.monotonic()
        assert connection.recv(100) == b""
        assert time.monotonic() - begun < 0.5 + TOLERANCE


def test_client_that_does_not_read_the_response_is_disconnected(
    start_gateway: StartGateway, certificates: Certificates
) -> None:
    large = StubServer(certificates.server_context(), lambda _: StubResponse(200, body=b"x" * 20_000_000))
    try:
        limits = timeouts(client_headers_seconds=0.3, client_request_seconds=1.2, service_response_seconds=0.3)
        gateway = start_gateway(shop_port=large.port, config={"timeouts": limits})
        with gateway.connect("http/1.1") as connection:
            connection.sendall(b"GET /shop/v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(1.5 + TOLERANCE)
            received = 0
            try:
                while chunk := connection.recv(1_000_000):
                    received += len(chunk)
            except (ConnectionError, ssl.SSLError):
                pass
        assert 0 < received < 20_000_000
    finally:
        large.stop()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_slow_service_is_a_504(start_gateway: StartGateway, certificates: Certificates, method: str) -> None:
    def late(_: ReceivedRequest) -> StubResponse:
        time.sleep(2)
        return StubResponse(200)

    slow = StubServer(certificates.server_context(), late)
    try:
        gateway = start_gateway(shop_port=slow.port, config={"timeouts": timeouts(service_response_seconds=0.5)})
        begun = time.monotonic()
        assert_problem(gateway.client.request(method, f"{ORDERS}/bor_1", headers=GOOD), 504, "timeout")
        assert time.monotonic() - begun < 0.5 + TOLERANCE
        assert len(slow.requests) == 1
    finally:
        slow.stop()


@pytest.mark.parametrize(
    "headers", [{"content-length": "5"}, {"x-long": "x" * 90_000}], ids=["incomplete body", "too long headers"]
)
def test_invalid_response_of_a_service_is_a_502(
    start_gateway: StartGateway, certificates: Certificates, headers: dict[str, str]
) -> None:
    odd = StubServer(certificates.server_context(), lambda _: StubResponse(200, headers))
    try:
        gateway = start_gateway(shop_port=odd.port)
        response = gateway.client.post(ORDERS, headers=GOOD)
        assert response.status_code in (502, 503)
        assert response.headers["content-type"] == "application/problem+json"
    finally:
        odd.stop()


def timeouts(**changes: float) -> dict[str, float]:
    base = {
        "client_headers_seconds": HEADERS_SECONDS,
        "client_request_seconds": REQUEST_SECONDS,
        "client_idle_seconds": 30,
        "service_connect_seconds": 1,
        "service_response_seconds": 5,
    }
    return base | changes


def test_slow_clients_do_not_block_others(gateway: Envoy, client: httpx.Client) -> None:
    slow = [gateway.connect() for _ in range(30)]
    try:
        for connection in slow:
            connection.sendall(START.encode())
        begun = time.monotonic()
        assert client.get("/shop/v1/things").status_code == 200
        assert time.monotonic() - begun < 1
    finally:
        for connection in slow:
            connection.close()
