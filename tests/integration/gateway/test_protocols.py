"""Requests in forms that a gateway should not fall for: upgrades, tunnels, other forms of a target, raw HTTP/2."""

from __future__ import annotations

import time

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from tests.integration.gateway.conftest import assert_problem
from tests.integration.gateway.running import Envoy
from tests.integration.gateway.stubs import StubServer

THINGS = "/shop/v1/things"
ORDER = "/shop/v1/orders/bor_1"
TOKEN = "Host: localhost\r\nAuthorization: Bearer good\r\n"


def status_of(response: bytes) -> int:
    assert response.startswith(b"HTTP/1.1 "), response
    return int(response[9:12])


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "tls/1.0"])
def test_upgrades_are_rejected(gateway: Envoy, shop: StubServer, protocol: str) -> None:
    before = len(shop.requests)
    upgrade = f"GET {ORDER} HTTP/1.1\r\n{TOKEN}Connection: Upgrade\r\nUpgrade: {protocol}\r\n"
    response = gateway.raw(f"{upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n".encode())
    assert status_of(response) == 403
    assert b"problems/upgrade-not-supported" in response
    assert len(shop.requests) == before


def test_an_upgrade_to_unencrypted_http_2_is_ignored(gateway: Envoy, shop: StubServer) -> None:
    lines = f"GET {ORDER} HTTP/1.1\r\n{TOKEN}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    response = gateway.raw(f"{lines}HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n".encode())
    assert status_of(response) == 200
    assert shop.requests[-1].all("upgrade") == shop.requests[-1].all("http2-settings") == []


@pytest.mark.parametrize("target", ["localhost:443", "shop.example:443", "evil.example:443", "127.0.0.1:22"])
def test_tunnels_are_rejected(gateway: Envoy, shop: StubServer, target: str) -> None:
    before = len(shop.requests)
    started = time.monotonic()
    response = gateway.raw(f"CONNECT {target} HTTP/1.1\r\n{TOKEN}\r\n".encode())
    assert status_of(response) == 403
    assert b"problems/upgrade-not-supported" in response
    assert time.monotonic() - started < 1
    assert len(shop.requests) == before


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "PURGE"])
@pytest.mark.parametrize(("path", "allowed"), [(THINGS, "GET, POST"), (ORDER, "DELETE, GET")])
def test_unknown_method_gets_the_allowed_methods(
    client: httpx.Client, shop: StubServer, method: str, path: str, allowed: str
) -> None:
    before = len(shop.requests)
    for headers in ({}, {"authorization": "Bearer good"}):
        response = client.request(method, path, headers=headers)
        if method in ("PROPFIND", "PURGE"):
            assert response.status_code in (400, 405)
            continue
        assert response.status_code == 405
        assert response.headers["allow"] == allowed
        if method != "HEAD":
            assert_problem(response, 405, "method-not-allowed")
    assert len(shop.requests) == before


def test_options_asterisk_is_rejected(gateway: Envoy) -> None:
    assert status_of(gateway.raw(f"OPTIONS * HTTP/1.1\r\n{TOKEN}\r\n".encode())) == 404


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (f"https://localhost{THINGS}", "localhost", 200),
        (f"https://shop.example{THINGS}", "evil.example", 200),
        (f"https://evil.example{THINGS}", "localhost", 421),
        ("https://localhost/shop/v1/secret", "localhost", 404),
        (f"https://localhost{ORDER}", "localhost", 401),
        (f"https://localhost{THINGS}/../orders/bor_1", "localhost", 401),
        (f"https://localhost@evil.example{THINGS}", "localhost", 421),
        (f"file://localhost{THINGS}", "localhost", 400),
        (f"localhost{THINGS}", "localhost", 400),
    ],
)
def test_absolute_form_of_the_request_target_is_accepted(
    gateway: Envoy, shop: StubServer, target: str, host: str, status: int
) -> None:
    before = len(shop.requests)
    response = gateway.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert status_of(response) == status, response
    if status == 200:
        assert shop.requests[-1].path == THINGS
        assert shop.requests[-1].all("host")[0] in ("localhost", "shop.example")
    else:
        assert len(shop.requests) == before


@pytest.mark.parametrize(
    "request_line", [f"GET {THINGS} HTTP/1.0", f"GET {THINGS}", f"GET {THINGS} HTTP/2.0", f"GET {THINGS} HTTP/9.9"]
)
def test_other_protocol_versions_are_rejected(gateway: Envoy, shop: StubServer, request_line: str) -> None:
    before = len(shop.requests)
    response = gateway.raw(f"{request_line}\r\nHost: localhost\r\n\r\n".encode())
    assert status_of(response) in (400, 426), response
    assert b"application/problem+json" in response
    assert len(shop.requests) == before


def test_unknown_transfer_coding_is_rejected(gateway: Envoy, shop: StubServer) -> None:
    before = len(shop.requests)
    for coding in ("gzip", "gzip, chunked", "chunked, identity", "xchunked"):
        response = gateway.raw(
            f"POST {THINGS} HTTP/1.1\r\n{TOKEN}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n".encode()
        )
        assert status_of(response) == 501
        assert b"problems/not-implemented" in response
    assert len(shop.requests) == before


# HTTP/2, where a request is a list of names and values, and the way to HTTP/1.1 is where things get mixed up.

PSEUDO = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/shop/v1/orders")]
BEARER = ("authorization", "Bearer good")


def status_of_stream(events: list[h2.events.Event]) -> int | None:
    """Return the status of the response; None when the gateway reset the stream or the connection."""
    for event in events:
        if isinstance(event, h2.events.ResponseReceived):
            return int(dict(event.headers)[":status"])
    return None


def test_valid_raw_request_is_served(gateway: Envoy, shop: StubServer) -> None:
    assert status_of_stream(gateway.raw_http2([*PSEUDO, BEARER, ("content-length", "4")], b"abcd")) == 200
    assert shop.requests[-1].body == b"abcd"


@pytest.mark.parametrize(
    "headers",
    [
        [("transfer-encoding", "chunked")],
        [("connection", "keep-alive")],
        [("upgrade", "h2c")],
        [("content-length", "2")],
        [("content-length", "400")],
        [("content-length", "4"), ("content-length", "5")],
        [("X-Upper", "case")],
        [("x-a", "b\r\nx-user-id: admin")],
        [("x-a", "b\nx-user-id: admin")],
        [("x-a", "b\x00c")],
        [("x a", "b")],
        [("x-a:b", "c")],
        [("x-a\r\nx-user-id", "c")],
        [("bad_name", "x")],
        [("", "x")],
        [(":path", "/shop/v1/secret")],
        [(":authority", "evil.example")],
        [(":unknown", "x")],
    ],
)
def test_http_2_headers_with_another_meaning_in_http_1_are_rejected(
    gateway: Envoy, shop: StubServer, headers: list[tuple[str, str]]
) -> None:
    before = len(shop.requests)
    assert status_of_stream(gateway.raw_http2([*PSEUDO, BEARER, *headers], b"abcd")) in (None, 400)
    assert len(shop.requests) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (":method", "POST /shop/v1/secret HTTP/1.1"),
        (":method", ""),
        (":method", "GET\r\nx: y"),
        (":path", "/shop/v1/orders HTTP/1.1\r\nx-user-id: admin"),
        (":path", "/shop/v1/secret"),
        (":path", "shop/v1/orders"),
        (":path", ""),
        (":path", "/shop/v1/orders%2f..%2fsecret"),
        (":path", "/shop/v1/orders#/../secret"),
        (":authority", "evil.example"),
        (":authority", "localhost\r\nx: y"),
        (":authority", "localhost@evil.example"),
    ],
)
def test_smuggling_in_http_2_pseudo_headers_is_rejected(
    gateway: Envoy, shop: StubServer, name: str, value: str
) -> None:
    before = len(shop.requests)
    headers = [(key, value if key == name else given) for key, given in PSEUDO]
    assert status_of_stream(gateway.raw_http2([*headers, BEARER])) in (None, 400, 404, 421)
    assert len(shop.requests) == before


def test_http_2_scheme_is_not_trusted(gateway: Envoy, shop: StubServer) -> None:
    for scheme in ("http", "ftp"):
        headers = [(key, scheme if key == ":scheme" else given) for key, given in PSEUDO]
        assert status_of_stream(gateway.raw_http2([*headers, BEARER])) in (None, 200, 400)
    assert {seen.all("x-forwarded-proto")[0] for seen in shop.requests} == {"https"}


def test_http_2_host_header_does_not_replace_the_authority(gateway: Envoy, shop: StubServer) -> None:
    response = status_of_stream(gateway.raw_http2([*PSEUDO, BEARER, ("host", "evil.example")]))
    if response == 200:
        assert shop.requests[-1].all("host") == ["localhost"]
    else:
        assert response in (None, 400, 421)


def test_client_that_resets_its_streams_is_disconnected(gateway: Envoy) -> None:
    """Rapid reset (CVE-2023-44487)."""
    speaker = h2.connection.H2Connection(h2.config.H2Configuration())
    with gateway.connect("h2") as connection:
        speaker.initiate_connection()
        for number in range(1, 4001, 2):
            speaker.send_headers(number, [(name, value) for name, value in PSEUDO if name != ":x"])
            speaker.reset_stream(number)
        with pytest.raises((ConnectionError, EOFError)):
            connection.sendall(speaker.data_to_send())
            while True:
                received = connection.recv(65536)
                if not received:
                    raise EOFError
    assert gateway.client.get(THINGS).status_code == 200
