"""Limits of sizes, rates and times, ambiguous requests, and unavailable services."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway.conftest import StartGateway, assert_problem
from tests.integration.gateway.running import Certificates, Envoy, free_port
from tests.integration.gateway.stubs import StubServer, echo
from tests.unit.gateway.example import CONFIG

GOOD = {"authorization": "Bearer good"}


def test_body_limit_of_the_operation_applies(client: httpx.Client, shop: StubServer) -> None:
    assert client.post("/shop/v1/orders", headers=GOOD, content=b"x" * 1000).status_code == 200
    assert shop.requests[-1].body == b"x" * 1000
    before = len(shop.requests)
    response = client.post("/shop/v1/orders", headers=GOOD, content=b"x" * 1001)
    assert_problem(response, 413, "payload-too-large")
    assert len(shop.requests) == before
    assert client.post("/shop/v1/things", headers=GOOD, content=b"x" * 20000).status_code == 200


def test_body_without_content_length_is_limited(client: httpx.Client, shop: StubServer) -> None:
    before = len(shop.requests)
    chunks = (b"x" * 100 for _ in range(30))
    response = client.post("/shop/v1/orders", headers=GOOD, content=chunks)
    assert_problem(response, 413, "payload-too-large")
    assert len(shop.requests) == before


def test_body_of_an_unmatched_request_is_limited(client: httpx.Client) -> None:
    assert_problem(client.post("/nothing", content=b"x" * 5000), 413, "payload-too-large")


def test_address_is_throttled_independently_of_its_tokens(client: httpx.Client) -> None:
    responses = [
        client.post("/shop/v1/sign-ins", headers={"authorization": f"Bearer {number}"}) for number in range(5)
    ]
    assert [response.status_code for response in responses[:3]] == [200, 200, 200]
    assert_problem(responses[4], 429, "too-many-requests")
    assert responses[4].headers["retry-after"] == "5"
    assert client.get("/shop/v1/things").status_code == 200


def test_each_token_has_its_own_bucket(client: httpx.Client) -> None:
    def get_invoices(token: str) -> httpx.Response:
        return client.get("/shop/v1/invoices", headers={"authorization": f"Bearer {token}"})

    assert [get_invoices("good-one").status_code for _ in range(2)] == [200, 200]
    response = get_invoices("good-one")
    assert_problem(response, 429, "too-many-requests")
    assert response.headers["retry-after"] == "10"
    assert get_invoices("good-two").status_code == 200


def test_a_throttled_request_does_not_reach_the_authorizer(client: httpx.Client, auth: StubServer) -> None:
    headers = {"authorization": "Bearer good-three"}
    for _ in range(2):
        client.get("/shop/v1/invoices", headers=headers)
    before = len(auth.requests)
    assert client.get("/shop/v1/invoices", headers=headers).status_code == 429
    assert len(auth.requests) == before


def test_too_many_headers_are_rejected(client: httpx.Client) -> None:
    response = client.get("/shop/v1/things", headers={f"x-{number}": "1" for number in range(50)})
    assert_problem(response, 431, "headers-too-large", with_id=False)


def test_plain_http_is_not_served(gateway: Envoy) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(b"GET /shop/v1/things HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            received = connection.recv(1000)
        except ConnectionResetError:
            received = b""
    assert b"HTTP" not in received


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_version_is_rejected(gateway: Envoy) -> None:
    context = gateway.certificates.client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    with plain, pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        context.wrap_socket(plain, server_hostname="localhost")


def test_http_2_is_supported(gateway: Envoy) -> None:
    with gateway.new_client(http2=True) as client:
        response = client.get("/shop/v1/orders/bor_1", headers=GOOD)
    assert (response.http_version, response.status_code) == ("HTTP/2", 200)


@pytest.mark.parametrize(
    "request_lines",
    [
        "POST /shop/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
        "POST /shop/v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5",
        "GET /shop/v1/things HTTP/1.1",
        "GET /shop/v1/things HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        "GET /shop/v1/things HTTP/1.1\r\nHost: localhost\r\nX-A: b\x00c",
        "nonsense",
    ],
)
def test_ambiguous_requests_are_rejected(gateway: Envoy, shop: StubServer, request_lines: str) -> None:
    before = len(shop.requests)
    response = gateway.raw(f"{request_lines}\r\n\r\n0\r\n\r\n".encode())
    assert response.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 ")), response
    assert b"application/problem+json" in response
    assert len(shop.requests) == before


@pytest.mark.parametrize(
    "chunks", ["1\r\nZZ\r\n0\r\n\r\n", "2\r\nZ\r\n0\r\n\r\n", "1\nZ\n0\n\n", "1;\n\r\nZ\r\n0\r\n\r\n"]
)
def test_bytes_after_a_chunk_are_rejected(gateway: Envoy, shop: StubServer, chunks: str) -> None:
    before = len(shop.requests)
    start = "POST /shop/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n"
    response = gateway.raw(f"{start}Transfer-Encoding: chunked\r\n\r\n{chunks}".encode())
    assert response.startswith(b"HTTP/1.1 400 "), response
    assert len(shop.requests) == before


def test_incomplete_headers_time_out(gateway: Envoy) -> None:
    response = gateway.raw(b"GET /shop/v1/things HTTP/1.1\r\nHost: localhost\r\n", until_closed=True)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in response


def test_incomplete_body_times_out(gateway: Envoy, shop: StubServer) -> None:
    before = len(shop.requests)
    start = "POST /shop/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n"
    response = gateway.raw(f"{start}Content-Length: 100\r\n\r\nx".encode(), until_closed=True)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in response
    assert len(shop.requests) == before


def test_connections_over_the_total_limit_are_closed(start_gateway: StartGateway) -> None:
    gateway = start_gateway(config={"limits": CONFIG["limits"] | {"connections": 3}})
    context = gateway.certificates.client_context()
    taken = []
    for _ in range(3):
        plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
        taken.append(context.wrap_socket(plain, server_hostname="localhost"))
    with (
        socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain, server_hostname="localhost")
    for connection in taken:
        connection.close()


def test_unavailable_service_affects_only_its_paths(start_gateway: StartGateway) -> None:
    gateway = start_gateway(shop_port=free_port())
    response = gateway.client.post("/shop/v1/orders", headers=GOOD)
    assert_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "2"
    assert gateway.client.get("/auth/v1/session", headers=GOOD).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_restart_of_a_service_is_hidden_by_retries(
    start_gateway: StartGateway, certificates: Certificates, method: str
) -> None:
    port = free_port()
    gateway = start_gateway(shop_port=port)
    started: list[StubServer] = []

    def start_late() -> None:
        started.append(StubServer(certificates.server_context(), echo, port))

    timer = threading.Timer(0.4, start_late)
    timer.start()
    try:
        assert gateway.client.request(method, "/shop/v1/orders/bor_1", headers=GOOD).status_code == 200
    finally:
        timer.join()
        started[0].stop()


@pytest.mark.parametrize("names", [("somebody.else",), ()])
def test_service_with_an_untrusted_certificate_is_rejected(
    start_gateway: StartGateway, certificates: Certificates, tmp_path: Path, names: tuple[str, ...]
) -> None:
    strange = Certificates.make(tmp_path / "strange", *names)
    impostor = StubServer(strange.server_context(), echo)
    try:
        gateway = start_gateway(shop_port=impostor.port)
        assert_problem(gateway.client.get("/shop/v1/things"), 503, "unavailable")
        assert impostor.requests == []
    finally:
        impostor.stop()
