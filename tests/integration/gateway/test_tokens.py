"""Opaque tokens are exchanged for JWTs; failures of the exchange grant no access."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from services.auth.tokens import signing_keys
from tests.integration.gateway.conftest import StartGateway, assert_problem
from tests.integration.gateway.running import Certificates, Envoy, free_port
from tests.integration.gateway.stubs import (
    ISSUER,
    SIGN_IN_HINT,
    Authorizer,
    ReceivedRequest,
    StubResponse,
    StubServer,
)
from tools.gateway.envoy import context, filters

ORDER = "/shop/v1/orders/bor_1"
GOOD = {"authorization": "Bearer good"}
IMPATIENT = {
    "service": "auth",
    "exchange_path": "/exchange/external",
    "jwks_path": "/auth/v1/jwks",
    "timeout_seconds": 0.6,
}


def test_service_gets_a_jwt_instead_of_the_token(
    client: httpx.Client, shop: StubServer, authorizer: Authorizer
) -> None:
    assert client.get(ORDER, headers=GOOD).status_code == 200
    (authorization,) = shop.requests[-1].all("authorization")
    claims = jwt.decode(authorization.removeprefix("Bearer "), authorizer.key, algorithms=["ES256"]).claims
    assert (claims["sub"], claims["iss"]) == ("usr_1", ISSUER)
    assert shop.requests[-1].all("x-user-id") == []


def test_exchange_gets_neither_body_nor_other_headers(client: httpx.Client, auth: StubServer) -> None:
    headers = GOOD | {"idempotency-key": "k", "accept-language": "pt"}
    response = client.post("/shop/v1/orders", headers=headers, json={"what": "a coat"})
    assert response.status_code == 200
    exchange = next(seen for seen in reversed(auth.requests) if seen.path.startswith("/exchange/"))
    assert exchange.path == "/exchange/external/shop/v1/orders"
    assert exchange.body == b""
    assert exchange.all("idempotency-key") == exchange.all("accept-language") == []
    assert exchange.all("x-request-id") == [response.headers["x-request-id"]]


def test_open_operation_requires_and_forwards_no_token(client: httpx.Client, shop: StubServer) -> None:
    assert client.get("/shop/v1/things").status_code == 200
    assert client.get("/shop/v1/things/prd_1", headers=GOOD).status_code == 200
    assert shop.requests[-1].all("authorization") == []


def test_applications_can_authenticate_at_auth_with_http_basic(
    client: httpx.Client, auth: StubServer, shop: StubServer
) -> None:
    basic = {"authorization": "Basic Y2xpOnNlY3JldA=="}
    assert client.post("/auth/v1/tokens", headers=basic).status_code == 200
    assert auth.requests[-1].all("authorization") == [basic["authorization"]]
    assert client.get("/shop/v1/things", headers=basic).status_code == 200
    assert shop.requests[-1].all("authorization") == []


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer unknown"}, {"authorization": "Basic eDp5"}])
def test_missing_or_invalid_token_gets_www_authenticate(
    client: httpx.Client, shop: StubServer, headers: dict[str, str]
) -> None:
    before = len(shop.requests)
    response = client.get(ORDER, headers=headers)
    assert_problem(response, 401, "unauthenticated")
    assert response.headers.get_list("www-authenticate") == [SIGN_IN_HINT]
    assert "x-secret" not in response.headers
    assert "inside" not in response.text
    assert len(shop.requests) == before


@pytest.mark.parametrize(
    "token",
    [
        "exchange-gives-nothing",
        "exchange-gives-garbage",
        "exchange-gives-expired",
        "exchange-gives-other-issuer",
        "exchange-gives-strange-key",
    ],
)
def test_exchange_without_a_valid_jwt_grants_no_access(client: httpx.Client, shop: StubServer, token: str) -> None:
    before = len(shop.requests)
    response = client.get(ORDER, headers={"authorization": f"Bearer {token}"})
    assert_problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert len(shop.requests) == before


def test_jwt_for_another_audience_grants_no_access(client: httpx.Client, shop: StubServer) -> None:
    before = len(shop.requests)
    response = client.get(ORDER, headers={"authorization": "Bearer exchange-gives-other-audience"})
    assert_problem(response, 403, "forbidden")
    assert len(shop.requests) == before


def test_jwt_is_not_accepted_as_access_token(client: httpx.Client, authorizer: Authorizer) -> None:
    response = client.get(ORDER, headers={"authorization": f"Bearer {authorizer.jwt()}"})
    assert_problem(response, 401, "unauthenticated")


def test_token_in_the_query_is_ignored(client: httpx.Client, authorizer: Authorizer) -> None:
    response = client.get(ORDER, params={"access_token": authorizer.jwt()})
    assert_problem(response, 401, "unauthenticated")


def test_forbidden_account_gets_no_internal_details(client: httpx.Client) -> None:
    response = client.get(ORDER, headers={"authorization": "Bearer wrong-kind"})
    assert_problem(response, 403, "forbidden")
    assert "inside" not in response.text


def test_failing_exchange_is_a_503(client: httpx.Client) -> None:
    response = client.get(ORDER, headers={"authorization": "Bearer breaks"})
    assert_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "2"


def test_unavailable_authorizer_affects_only_operations_with_a_token(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway(auth_port=free_port())
    assert_problem(gateway.client.get(ORDER, headers=GOOD), 503, "unavailable")
    assert gateway.client.get("/shop/v1/things").status_code == 200


def test_gateway_that_starts_before_the_authorizer_recovers(
    start_gateway: StartGateway, certificates: Certificates, authorizer: Authorizer
) -> None:
    port = free_port()
    gateway = start_gateway(auth_port=port)
    assert gateway.client.get(ORDER, headers=GOOD).status_code == 503
    late = StubServer(certificates.server_context(), authorizer, port)
    try:
        assert gateway.client.get(ORDER, headers=GOOD).status_code == 200
    finally:
        late.stop()


@pytest.mark.parametrize("path", [ORDER, "/shop/v1/things"])
def test_two_tokens_in_one_request_are_rejected(gateway: Envoy, shop: StubServer, path: str) -> None:
    before = len(shop.requests)
    for first, second in (("Bearer good", "Bearer bad"), ("Bearer bad", "Bearer good")):
        with gateway.new_client() as client:
            headers = [("authorization", first), ("authorization", second)]
            assert_problem(client.get(path, headers=headers), 400, "malformed-request")
        with gateway.new_client(http2=True) as client:
            assert_problem(client.get(path, headers=headers), 400, "malformed-request")
    assert len(shop.requests) == before


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_case_of_the_token_scheme_does_not_affect_the_throttle(
    client: httpx.Client, shop: StubServer, scheme: str
) -> None:
    token = f"good-{scheme}"
    assert client.get(ORDER, headers={"authorization": f"{scheme} {token}"}).status_code == 200
    spellings = [scheme, scheme.lower(), scheme.upper()]
    responses = [client.get("/shop/v1/invoices", headers={"authorization": f"{one} {token}"}) for one in spellings]
    assert [response.status_code for response in responses] == [200, 200, 429]


def test_connection_header_cannot_remove_the_token(gateway: Envoy, shop: StubServer) -> None:
    before = len(shop.requests)
    lines = f"GET {ORDER} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n"
    response = gateway.raw(f"{lines}Connection: close, authorization\r\n\r\n".encode())
    assert response.startswith(b"HTTP/1.1 401 ")
    assert len(shop.requests) == before


def test_hanging_authorizer_affects_only_operations_with_a_token(
    start_gateway: StartGateway, certificates: Certificates, shop: StubServer
) -> None:
    ended = threading.Event()

    def hang(_: ReceivedRequest) -> StubResponse:
        ended.wait(10)
        return StubResponse(200)

    hanging = StubServer(certificates.server_context(), hang)
    try:
        gateway = start_gateway(auth_port=hanging.port, config={"authorizer": IMPATIENT})
        before = len(shop.requests)
        started = time.monotonic()
        assert_problem(gateway.client.get(ORDER, headers=GOOD), 503, "unavailable")
        assert time.monotonic() - started < 5
        assert len(shop.requests) == before
        assert gateway.client.get("/shop/v1/things").status_code == 200
    finally:
        ended.set()
        hanging.stop()


def test_authorizer_without_a_handshake_is_a_503(start_gateway: StartGateway) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        gateway = start_gateway(auth_port=silent.getsockname()[1], config={"authorizer": IMPATIENT})
        assert_problem(gateway.client.get(ORDER, headers=GOOD), 503, "unavailable")


@pytest.mark.parametrize("response", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
def test_invalid_response_of_the_authorizer_grants_no_access(
    start_gateway: StartGateway, certificates: Certificates, shop: StubServer, response: bytes
) -> None:
    with fixed_response_server(certificates, response) as port:
        gateway = start_gateway(auth_port=port, config={"authorizer": IMPATIENT})
        before = len(shop.requests)
        assert_problem(gateway.client.get(ORDER, headers=GOOD), 503, "unavailable")
        assert len(shop.requests) == before


@pytest.mark.parametrize("status", [200, 404, 500])
def test_jwt_without_its_keys_grants_no_access(
    start_gateway: StartGateway, certificates: Certificates, authorizer: Authorizer, shop: StubServer, status: int
) -> None:
    def keyless(seen: ReceivedRequest) -> StubResponse:
        return StubResponse(status, body=b"{}") if seen.path == "/auth/v1/jwks" else authorizer(seen)

    auth = StubServer(certificates.server_context(), keyless)
    try:
        gateway = start_gateway(auth_port=auth.port)
        before = len(shop.requests)
        assert_problem(gateway.client.get(ORDER, headers=GOOD), 401, "unauthenticated")
        assert len(shop.requests) == before
    finally:
        auth.stop()


def test_new_signing_key_is_accepted(
    start_gateway: StartGateway, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auth publishes a key, signs with it when the gateways had time to read it, and takes the old one away."""
    assert signing_keys.PUBLISHED_BEFORE_SIGNING_SECONDS >= 3 * filters.JWKS_CACHE_SECONDS
    monkeypatch.setattr(filters, "JWKS_CACHE_SECONDS", 1)
    authorizer = Authorizer()
    auth = StubServer(certificates.server_context(), authorizer)
    try:
        gateway = start_gateway(auth_port=auth.port)
        old, new = authorizer.key, ECKey.generate_key("P-256", {"kid": "two", "alg": "ES256", "use": "sig"})
        for signing, published in ((old, [old, new]), (new, [new])):
            authorizer.key = signing  # at the second time the key that is known since the first
            assert gateway.client.get(ORDER, headers=GOOD).status_code == 200
            authorizer.published = published
            fetched = jwks_reads(auth)
            while jwks_reads(auth) < fetched + 2:  # the first of them has arrived then
                assert gateway.client.get(ORDER, headers=GOOD).status_code == 200
                time.sleep(0.05)
        authorizer.key = old
        assert_problem(gateway.client.get(ORDER, headers=GOOD), 401, "unauthenticated")
    finally:
        auth.stop()


def jwks_reads(auth: StubServer) -> int:
    return sum(seen.path == IMPATIENT["jwks_path"] for seen in auth.requests)


@pytest.mark.parametrize("script", ["error('broken')", "function envoy_on_request(handle) error('broken') end"])
def test_failing_script_grants_no_access(
    start_gateway: StartGateway,
    authorizer: Authorizer,
    shop: StubServer,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
) -> None:
    monkeypatch.setattr(context, "_SCRIPT", script)
    try:
        gateway = start_gateway()
    except RuntimeError:
        return  # A gateway that does not start grants no access either.
    before = len(shop.requests)
    for token in ("", "Bearer unknown", f"Bearer {authorizer.jwt()}"):
        assert_problem(gateway.client.get(ORDER, headers={"authorization": token}), 401, "unauthenticated")
    assert len(shop.requests) == before
    assert gateway.client.get(ORDER, headers=GOOD).status_code == 200


@contextmanager
def fixed_response_server(certificates: Certificates, response: bytes) -> Iterator[int]:
    """Run a TLS server that sends the same bytes to every client and closes the connection; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with certificates.server_context().wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(response)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_slow_exchange_is_requested_once(start_gateway: StartGateway, auth: StubServer) -> None:
    gateway = start_gateway(config={"authorizer": IMPATIENT | {"timeout_seconds": 1.8}})
    before = sum("/exchange/" in seen.path for seen in auth.requests)
    response = gateway.client.get(ORDER, headers={"authorization": "Bearer good-slow"})
    assert response.status_code == 200
    assert sum("/exchange/" in seen.path for seen in auth.requests) == before + 1
