"""Path tricks reach nothing that a gateway does not expose, and no operation under another spelling."""

from __future__ import annotations

import pytest

from tests.attacks.gateways import UnthrottledGateway, direct_client
from tests.support.platform import RunningPlatform
from tools.gateway.build import GatewayName, read_gateway
from tools.gateway.contracts import load_contracts
from tools.local_platform.layout import HOST
from tools.project import CONTRACTS

INTERNAL_PATHS = [
    "/metrics",
    "/readyz",
    "/livez",
    "/exchange/external/x",
    "/exchange/internal/x",
    "/auth/v1/jwks",
    "/openapi.json",
]


def status_of(gateway: UnthrottledGateway, path: str, token: str = "", method: str = "GET") -> int:
    """Send a request with the path as it is, without normalization; return the status."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    lines += f"Authorization: Bearer {token}\r\n" if token else ""
    response = gateway.send_raw(f"{lines}Connection: close\r\n\r\n".encode("latin1"))
    return int(response[9:12])


@pytest.fixture(params=["external", "internal"])
def gateway(request: pytest.FixtureRequest) -> UnthrottledGateway:
    selected: UnthrottledGateway = request.getfixturevalue(request.param)
    return selected


@pytest.fixture
def token(gateway: UnthrottledGateway, buyer_token: str, manager_token: str) -> str:
    return buyer_token if gateway.name == "external" else manager_token


def test_internal_paths_are_not_exposed(gateway: UnthrottledGateway, token: str) -> None:
    for path in INTERNAL_PATHS:
        assert status_of(gateway, path) == status_of(gateway, path, token) == 404


@pytest.mark.parametrize("name", ["external", "internal"])
def test_operations_that_are_not_exposed_cannot_be_reached(
    request: pytest.FixtureRequest, name: GatewayName, buyer_token: str, manager_token: str
) -> None:
    exposed = {(found.operation.method, found.operation.path) for found in read_gateway(name).exposed}
    client = request.getfixturevalue(name).client(token=buyer_token if name == "external" else manager_token)
    with client:
        for operation in load_contracts(CONTRACTS).values():
            if (operation.method, operation.path) in exposed:
                continue
            path = operation.path.replace("{", "").replace("}", "")
            response = client.request(operation.method, path)
            assert response.status_code in (401, 404, 405), (operation.operation_id, response.text)
            if response.status_code == 401:  # the path matches an exposed path with a parameter
                assert any(method == operation.method for method, _ in exposed)


@pytest.mark.parametrize("name", ["external", "internal"])
def test_an_operation_that_needs_a_token_rejects_missing_and_forged_tokens(
    request: pytest.FixtureRequest, name: GatewayName
) -> None:
    gateway: UnthrottledGateway = request.getfixturevalue(name)
    with gateway.client() as anonymous, gateway.client(token="rco_" + "A" * 43) as forged:
        for exposed in read_gateway(name).exposed:
            if not exposed.needs_token:
                continue
            path = exposed.operation.path.replace("{", "").replace("}", "")
            for client in (anonymous, forged):
                response = client.request(exposed.operation.method, path)
                assert response.status_code == 401, exposed.operation.operation_id
                assert response.headers["www-authenticate"].startswith("Bearer ")
                assert response.headers["content-type"] == "application/problem+json"


TRAVERSALS = [
    "/shopping/v1/products/../holds",
    "/shopping/v1/products/%2e%2e/holds",
    "/shopping/v1/products/.%2e/holds",
    "/shopping/v1/products/..%2fholds",
    "/shopping/v1/products/..%5cholds",
    "/shopping/v1/products/..\\holds",
    "/shopping/v1/products/..;/holds",
    "/shopping/v1/products/..%3b/holds",
    "/shopping/v1/products/%252e%252e/holds",
    "/shopping/v1/products/%c0%ae%c0%ae/holds",
    "/shopping/v1/products/..%c0%afholds",
    "/shopping/v1/products/..%ef%bc%8fholds",
    "/shopping//v1//holds",
    "//shopping/v1/holds",
    "/./shopping/./v1/./holds",
    "/shopping/v1/holds/",
    "/shopping/v1/holds/.",
    "/shopping/v1/holds%20",
    "/shopping/v1/holds%09",
    "/shopping/v1/holds%00",
    "/shopping/v1/holds%0a",
    "/shopping/v1/holds#",
    "/shopping/v1/holds?",
    "/SHOPPING/V1/HOLDS",
    "/shopping/v1/hold%73",
    "/shopping/v1/products/..%00/holds",
    "/shopping/v1/products/x/../../holds",
    "/auth/v1/logins/../token",
    "/auth/v1/../../metrics",
    "/locker/v1/locations/../../../auth/v1/jwks",
    "/shopping/v1/products/../../../../../../etc/passwd",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_path_traversal_reaches_no_internal_operation(gateway: UnthrottledGateway, token: str, path: str) -> None:
    for method in ("GET", "POST"):
        assert status_of(gateway, path, token, method) in (400, 401, 404, 405)
    assert status_of(gateway, path) in (400, 401, 404, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/shopping/v1/products/../../../customer/v1/profile",
        "/shopping/v1/products/%2e%2e/%2e%2e/%2e%2e/customer/v1/profile",
        "//customer/v1/profile",
        "/customer//v1/profile",
        "/customer/v1/./profile",
        "/customer/v1/profil%65",
        "/locker/v1/locations/x/../../../../customer/v1/profile",
    ],
)
def test_a_normalized_path_needs_the_token_of_its_operation(
    external: UnthrottledGateway, buyer_token: str, path: str
) -> None:
    assert status_of(external, path) == 401
    assert status_of(external, path, buyer_token) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/customer/v1/profile/",
        "/customer/v1/profile;x=1",
        "/customer/v1/profile.json",
        "/customer/v1/profile%2f",
        "/customer/v1/profile%20",
        "/customer/v1/Profile",
        "/customer/v1/profile/..%2fprofile",
    ],
)
def test_another_spelling_of_a_path_is_rejected(external: UnthrottledGateway, buyer_token: str, path: str) -> None:
    assert status_of(external, path, buyer_token) in (400, 404)


@pytest.mark.parametrize(
    "path", ["/customer/v1/profile%0a", "/customer/v1/profile%0d%0ax", "/customer/v1/profile%00"]
)
def test_a_service_rejects_control_characters_in_a_path(platform: RunningPlatform, path: str) -> None:
    """Without a gateway: router and handler must agree on where a path ends."""
    gateway = UnthrottledGateway("customer", platform.layout.port("customer"), platform.ca_file)
    assert status_of(gateway, path) == 400
    with direct_client(platform.ca_file) as client:
        response = client.get(f"https://{HOST}:{gateway.port}{path}")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]


@pytest.mark.parametrize(
    "identifier", ["usr_1", "..", "%2e%2e", "*", "'", "1 OR 1=1", "$ne", "{}", "%F0%9F%92%A9", "x" * 3000]
)
def test_a_malformed_identifier_is_rejected(
    external: UnthrottledGateway, buyer_token: str, identifier: str
) -> None:
    for collection in ("/customer/v1/buying-orders", "/billing/v1/payments", "/shopping/v1/products"):
        with external.client(token=buyer_token) as client:
            response = client.get(f"{collection}/{identifier}")
        # `..` is normalized to the parent path, which does not exist.
        assert response.status_code in (400, 404), response.text
        assert response.headers["content-type"] == "application/problem+json"
