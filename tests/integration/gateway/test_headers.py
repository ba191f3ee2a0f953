"""The headers that are forwarded to services, and the headers of responses."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.integration.gateway.conftest import StartGateway, assert_problem
from tests.integration.gateway.running import Envoy
from tests.integration.gateway.stubs import StubServer

GOOD = {"authorization": "Bearer good"}
SHOP_PAGE = "https://www.shop.example"


@pytest.mark.parametrize(
    "name",
    [
        "X-User",
        "X-USER-ROLES",
        "X-Principal",
        "X-Remote-User",
        "X-Remote-Addr",
        "X-Scopes",
        "X-Reclothes-User",
        "X-Amzn-Oidc-Identity",
        "X-Amzn-Oidc-Data",
        "X-Client-IP",
        "Remote-Addr",
        "Proxy-Authorization",
        "X-Forwarded-Access-Token",
        "X-Forwarded-Groups",
        "X-Forwarded-Port",
        "X-Forwarded-Uri",
        "X-User-Id",
        "x-userinfo",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Host",
        "X-Forwarded-Prefix",
        "X-Forwarded-Client-Cert",
        "Forwarded",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Real-IP",
        "True-Client-IP",
        "X-Auth-Request-User",
        "X-Role",
        "X-Internal-Call",
        "X-Envoy-Original-Path",
        "X-Envoy-Retry-On",
        "X-Envoy-Upstream-Rq-Timeout-Ms",
        "X-Envoy-External-Address",
        "X-JWT-Payload",
        "Remote-User",
        "Proxy",
        "Cookie",
    ],
)
@pytest.mark.parametrize("path", ["/shop/v1/things", "/shop/v1/orders/bor_1"])
def test_headers_that_claim_an_identity_or_an_origin_are_removed(
    client: httpx.Client, shop: StubServer, name: str, path: str
) -> None:
    assert client.get(path, headers=GOOD | {name: "admin"}).status_code == 200
    assert shop.requests[-1].all(name) == []


def test_headers_of_the_contracts_are_forwarded(client: httpx.Client, shop: StubServer) -> None:
    headers = {
        "cart-token": "rcc_a-token",
        "idempotency-key": "a-key",
        "if-match": '"3"',
        "stripe-signature": "t=1,v1=abc",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    assert client.post("/shop/v1/orders", headers=GOOD | headers, json={}).status_code == 200
    for name, value in headers.items():
        assert shop.requests[-1].all(name) == [value]


def test_a_method_cannot_be_overridden(client: httpx.Client, shop: StubServer) -> None:
    client.get("/shop/v1/orders/bor_1", headers=GOOD | {"x-http-method-override": "DELETE"})
    assert shop.requests[-1].method == "GET"


def test_service_gets_only_the_connected_address(client: httpx.Client, shop: StubServer) -> None:
    client.get("/shop/v1/things", headers={"x-forwarded-for": "203.0.113.7, 198.51.100.1"})
    assert shop.requests[-1].all("x-forwarded-for") == ["127.0.0.1"]
    client.get("/shop/v1/things", headers={"x-forwarded-proto": "http"})
    assert shop.requests[-1].all("x-forwarded-proto") == ["https"]


def test_forged_address_does_not_pass_the_source_ranges(start_gateway: StartGateway) -> None:
    gateway = start_gateway(config={"source_ranges": ["10.0.0.0/8"]})
    assert_problem(gateway.client.get("/shop/v1/things"), 403, "address-not-allowed")
    claimed = {"x-forwarded-for": "10.0.0.1", "x-real-ip": "10.0.0.1"}
    assert_problem(gateway.client.get("/shop/v1/things", headers=claimed), 403, "address-not-allowed")
    preflight = {"origin": SHOP_PAGE, "access-control-request-method": "GET"}
    assert_problem(gateway.client.options("/shop/v1/things", headers=preflight), 403, "address-not-allowed")


def test_a_request_gets_one_id_that_the_client_cannot_choose(client: httpx.Client, shop: StubServer) -> None:
    response = client.get("/shop/v1/things", headers={"x-request-id": "chosen"})
    (request_id,) = response.headers.get_list("x-request-id")
    assert str(uuid.UUID(request_id)) == request_id
    assert shop.requests[-1].all("x-request-id") == [request_id]


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_trace_of_the_client_is_kept(client: httpx.Client, shop: StubServer, auth: StubServer, flags: str) -> None:
    sent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{flags}", "tracestate": "vendor=1"}
    assert client.get("/shop/v1/orders/bor_1", headers=GOOD | sent).status_code == 200
    for name, value in sent.items():
        assert shop.requests[-1].all(name) == [value]
    assert auth.requests[-1].all("traceparent") == [sent["traceparent"]]


@pytest.mark.parametrize(
    "sent",
    [
        [],
        ["nonsense"],
        [f"00-{TRACE.upper()}-b7ad6b7169203331-01"],
        [f"00-{'0' * 32}-b7ad6b7169203331-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE[::-1]}-b7ad6b7169203331-01"],
        ["00-%s-b7ad6b7169203331-01" % ("x" * 3000)],
    ],
)
def test_request_without_a_valid_trace_gets_one_from_its_id(
    client: httpx.Client, shop: StubServer, sent: list[str]
) -> None:
    headers = [*GOOD.items(), ("tracestate", "vendor=1"), *(("traceparent", value) for value in sent)]
    response = client.get("/shop/v1/orders/bor_1", headers=headers)
    (traceparent,) = shop.requests[-1].all("traceparent")
    version, trace, parent, flags = traceparent.split("-")
    assert (version, trace, flags) == ("00", response.headers["x-request-id"].replace("-", ""), "01")
    assert len(parent) == 16
    assert shop.requests[-1].all("tracestate") == []


@pytest.mark.parametrize(
    ("path", "status"),
    [("/shop/v1/things", 200), ("/shop/v1/orders/bor_1", 401), ("/nothing", 404), ("/shop/v1/orders", 405)],
)
def test_every_response_has_each_security_header_once(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert_secured(response)


def test_early_error_responses_have_security_headers(gateway: Envoy) -> None:
    response = gateway.client.get("/shop/v1/things", headers={"bad_name": "x"})
    assert response.status_code == 400
    assert_secured(response)
    response = gateway.client.get("/shop/v1/things", headers={"x-long": "x" * 9000})
    assert_problem(response, 431, "headers-too-large", with_id=False)
    assert_secured(response)


def assert_secured(response: httpx.Response) -> None:
    headers = response.headers
    assert headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]
    assert headers.get_list("cache-control") == ["no-store"]
    assert headers.get_list("server") == ["reclothes"]
    assert "x-powered-by" not in headers
    assert not [name for name in headers if name.startswith("x-envoy")]


def test_allowed_page_passes_the_preflight(client: httpx.Client, shop: StubServer) -> None:
    before = len(shop.requests)
    preflight = {
        "origin": SHOP_PAGE,
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "authorization",
    }
    response = client.options("/shop/v1/orders/bor_1", headers=preflight)
    assert response.status_code in (200, 204)
    assert response.headers["access-control-allow-origin"] == SHOP_PAGE
    assert response.headers["access-control-allow-methods"] == "DELETE, GET"
    assert "idempotency-key" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in response.headers
    assert_secured(response)
    assert len(shop.requests) == before


@pytest.mark.parametrize("status", [200, 401])
def test_allowed_page_may_read_responses_and_errors(client: httpx.Client, status: int) -> None:
    headers = {"origin": SHOP_PAGE} | (GOOD if status == 200 else {})
    response = client.get("/shop/v1/orders/bor_1", headers=headers)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == SHOP_PAGE
    assert "x-request-id" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "https://www.shop.example.evil.example", "null"])
def test_other_pages_may_not_read_responses(client: httpx.Client, origin: str) -> None:
    preflight = {"origin": origin, "access-control-request-method": "GET"}
    response = client.options("/shop/v1/orders/bor_1", headers=preflight)
    assert_problem(response, 405, "method-not-allowed")
    assert "access-control-allow-origin" not in response.headers
    response = client.get("/shop/v1/things", headers={"origin": origin})
    assert "access-control-allow-origin" not in response.headers


def entries_until(gateway: Envoy, request_id: str) -> list[dict[str, Any]]:
    """Return the access log when it contains this request; it is written every half second."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        whole_lines = gateway.access_log.read_text().rpartition("\n")[0]
        if request_id in whole_lines:
            return [json.loads(line) for line in whole_lines.splitlines()]
        time.sleep(0.05)
    raise TimeoutError(f"the access log does not contain {request_id}")


def test_access_log_has_neither_token_nor_query(gateway: Envoy) -> None:
    response = gateway.client.get("/shop/v1/orders/bor_1?secret=s3cr3t", headers=GOOD)
    request_id = response.headers["x-request-id"]
    logged = next(entry for entry in entries_until(gateway, request_id) if entry["request_id"] == request_id)
    assert "s3cr3t" not in json.dumps(logged)
    assert "Bearer" not in json.dumps(logged)
    assert logged["service"] == "external-gateway"
    assert (logged["operation"], logged["path"]) == ("get_order", "/shop/v1/orders/bor_1")
    assert (logged["method"], logged["status"], logged["client"]) == ("GET", 200, "127.0.0.1")
    assert logged["traceparent"].split("-")[1] == request_id.replace("-", "")


@pytest.mark.parametrize(("line_break", "status"), [("\n", 400), ("", 404)])
def test_requests_cannot_inject_lines_into_the_access_log(gateway: Envoy, line_break: str, status: int) -> None:
    forged = f'"}}{line_break}{{"status":200,"request_id":"forged"}}'
    agent = 'x", "request_id": "forged'
    response = gateway.client.get(f"/shop/v1/{quote(forged, safe='')}", headers={"user-agent": agent})
    assert response.status_code == status
    request_id = response.headers["x-request-id"]
    entries = entries_until(gateway, request_id)
    assert "forged" not in {entry["request_id"] for entry in entries}
    logged = next(entry for entry in entries if entry["request_id"] == request_id)
    assert (logged["status"], logged["user_agent"]) == (status, agent)
