"""Only what is named is reachable, under one spelling of its path."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.gateway.conftest import assert_problem
from tests.integration.gateway.running import Envoy
from tests.integration.gateway.stubs import StubServer

GOOD = {"authorization": "Bearer good"}


def get(gateway: Envoy, path: str) -> bytes:
    """Request exactly this path, which a client library would normalize."""
    return gateway.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/shop",
        "/shop/v1/secret",
        "/shop/v1/holds",
        "/shop/v1/things/prd_1/more",
        "/shop/v1/things/",
        "/shop/v2/things",
        "/metrics",
        "/readyz",
        "/auth/v1/jwks",
        "/exchange/external/shop/v1/orders",
        "/SHOP/v1/things",
    ],
)
def test_what_is_not_exposed_is_not_found(client: httpx.Client, shop: StubServer, path: str) -> None:
    before = len(shop.requests)
    assert_problem(client.get(path), 404, "not-found")
    assert_problem(client.get(path, headers=GOOD), 404, "not-found")
    assert len(shop.requests) == before


def test_wrong_method_gets_the_allowed_methods(client: httpx.Client) -> None:
    response = client.patch("/shop/v1/orders/bor_1", headers=GOOD)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "DELETE, GET"
    response = client.delete("/shop/v1/things")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "FROB"])
def test_other_methods_are_not_forwarded(client: httpx.Client, shop: StubServer, method: str) -> None:
    before = len(shop.requests)
    response = client.request(method, "/shop/v1/things", headers=GOOD)
    assert response.status_code in (400, 405)
    assert response.headers["content-type"] == "application/problem+json"
    assert len(shop.requests) == before


def test_literal_path_takes_precedence_over_a_parameter(client: httpx.Client) -> None:
    assert client.get("/shop/v1/things/earliest").status_code == 200
    assert_problem(client.get("/shop/v1/things/latest"), 401, "unauthenticated")


def test_query_is_forwarded_and_does_not_affect_the_route(client: httpx.Client, shop: StubServer) -> None:
    assert client.get("/shop/v1/things?q=coat&next=/shop/v1/secret").status_code == 200
    assert shop.requests[-1].path == "/shop/v1/things?q=coat&next=/shop/v1/secret"


@pytest.mark.parametrize(
    "path",
    [
        "/shop/v1/things/..%2forders%2fbor_1",
        "/shop/v1/things/..%2Fsecret",
        "/shop/v1/things%2f..%2fsecret",
        "/shop/v1/things/..%5csecret",
        "/shop/v1/things/prd_1%5Cmore",
    ],
)
def test_encoded_slashes_are_rejected(gateway: Envoy, shop: StubServer, path: str) -> None:
    before = len(shop.requests)
    response = get(gateway, path)
    assert response.startswith(b"HTTP/1.1 400 "), response
    assert b"application/problem+json" in response
    assert len(shop.requests) == before


@pytest.mark.parametrize(
    "path",
    [
        "/shop/v1/things/../secret",
        "/shop/v1/things/%2e%2e/secret",
        "/shop/v1/things/.%2E/secret",
        "/shop/v1/things/./../secret",
        "/shop/v1//secret",
        "/shop/v1/things/..//secret",
        "/shop/v1/things/..\\secret",
        "/shop/v1/things/../../../../../../etc/passwd",
        "/shop/v1/things/..;/secret",
        "/shop/v1/secret%00",
        "//shop.example/shop/v1/secret",
    ],
)
def test_path_tricks_do_not_reach_unexposed_operations(gateway: Envoy, shop: StubServer, path: str) -> None:
    before = len(shop.requests)
    response = get(gateway, path)
    assert response[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 404"), response
    assert len(shop.requests) == before


@pytest.mark.parametrize(
    "path", ["/shop/v1/things/../orders/bor_1", "/shop/v1/things/%2e%2e/orders/bor_1", "/shop//v1/orders/bor_1"]
)
def test_dot_segments_do_not_bypass_the_token_check(gateway: Envoy, shop: StubServer, path: str) -> None:
    before = len(shop.requests)
    assert get(gateway, path).startswith(b"HTTP/1.1 401 ")
    assert len(shop.requests) == before


def test_service_gets_the_normalized_path(gateway: Envoy, shop: StubServer) -> None:
    assert get(gateway, "/shop/v1/orders/..//./things/pr%64_1").startswith(b"HTTP/1.1 200 ")
    assert shop.requests[-1].path == "/shop/v1/things/prd_1"


@pytest.mark.parametrize(
    "path",
    [
        "/shop/v1/things/a%0d%0ab",
        "/shop/v1/things/a%0A",
        "/shop/v1/things%00",
        "/shop/v1/things/%1b",
        "/shop/v1/things/a%7f",
        "/shop/v1/things?q=%00",
        "/shop/v1/things?q=a&x=b%00c",
    ],
)
def test_encoded_control_characters_are_rejected(gateway: Envoy, shop: StubServer, path: str) -> None:
    before = len(shop.requests)
    response = get(gateway, path)
    assert response.startswith(b"HTTP/1.1 400 "), response
    assert b"application/problem+json" in response
    assert len(shop.requests) == before


def test_query_may_contain_line_breaks(gateway: Envoy, shop: StubServer) -> None:
    assert get(gateway, "/shop/v1/things?q=two%0Alines").startswith(b"HTTP/1.1 200 ")
    assert shop.requests[-1].path == "/shop/v1/things?q=two%0Alines"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.169.254"])
def test_other_host_is_misdirected(client: httpx.Client, shop: StubServer, host: str) -> None:
    before = len(shop.requests)
    assert_problem(client.get("/shop/v1/things", headers={"host": host}), 421, "unknown-host")
    assert len(shop.requests) == before


@pytest.mark.parametrize("host", ["shop.example", "localhost:8443", "127.0.0.1:1"])
def test_hosts_of_the_gateway_are_accepted_with_and_without_port(client: httpx.Client, host: str) -> None:
    assert client.get("/shop/v1/things", headers={"host": host}).status_code == 200
