"""Tricks with paths: nothing is reached that a gateway does not name, nor anything under another spelling."""

from __future__ import annotations

import pytest

from tests.attacks.gateways import OpenGate, direct
from tests.support.platform import RunningPlatform
from tools.gateway.build import GatewayName, read_gateway
from tools.gateway.contracts import load_contracts
from tools.local_platform.layout import HOST
from tools.project import CONTRACTS

INSIDE = [
    "/metrics",
    "/readyz",
    "/livez",
    "/exchange/external/x",
    "/exchange/internal/x",
    "/auth/v1/jwks",
    "/openapi.json",
]


def asked(gate: OpenGate, path: str, token: str = "", method: str = "GET") -> int:
    """The status for a path as it stands."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    lines += f"Authorization: Bearer {token}\r\n" if token else ""
    answer = gate.raw(f"{lines}Connection: close\r\n\r\n".encode("latin1"))
    return int(answer[9:12])


@pytest.fixture(params=["external", "internal"])
def gate(request: pytest.FixtureRequest) -> OpenGate:
    chosen: OpenGate = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def token(gate: OpenGate, buyer_token: str, manager_token: str) -> str:
    return buyer_token if gate.name == "external" else manager_token


def test_what_is_inside_is_not_found_from_outside(gate: OpenGate, token: str) -> None:
    for path in INSIDE:
        assert asked(gate, path) == asked(gate, path, token) == 404


@pytest.mark.parametrize("name", ["external", "internal"])
def test_no_operation_is_reached_that_the_gateway_does_not_name(
    request: pytest.FixtureRequest, name: GatewayName, buyer_token: str, manager_token: str
) -> None:
    exposed = {(one.operation.method, one.operation.path) for one in read_gateway(name).exposed}
    client = request.getfixturevalue(name).client(token=buyer_token if name == "external" else manager_token)
    with client:
        for operation in load_contracts(CONTRACTS).values():
            if (operation.method, operation.path) in exposed:
                continue
            path = operation.path.replace("{", "").replace("}", "")
            answer = client.request(operation.method, path)
            assert answer.status_code in (401, 404, 405), (operation.operation_id, answer.text)
            if answer.status_code == 401:  # another operation's path with a parameter in that place
                assert any(one[0] == operation.method for one in exposed)


@pytest.mark.parametrize("name", ["external", "internal"])
def test_what_needs_a_token_is_401_without_one_and_with_a_made_up_one(
    request: pytest.FixtureRequest, name: GatewayName
) -> None:
    gate: OpenGate = request.getfixturevalue(name)
    with gate.client() as nobody, gate.client(token="rco_" + "A" * 43) as somebody:
        for exposed in read_gateway(name).exposed:
            if not exposed.needs_token:
                continue
            path = exposed.operation.path.replace("{", "").replace("}", "")
            for client in (nobody, somebody):
                answer = client.request(exposed.operation.method, path)
                assert answer.status_code == 401, exposed.operation.operation_id
                assert answer.headers["www-authenticate"].startswith("Bearer ")
                assert answer.headers["content-type"] == "application/problem+json"


DETOURS = [
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


@pytest.mark.parametrize("path", DETOURS)
def test_no_detour_reaches_what_is_inside(gate: OpenGate, token: str, path: str) -> None:
    for method in ("GET", "POST"):
        assert asked(gate, path, token, method) in (400, 401, 404, 405)
    assert asked(gate, path) in (400, 401, 404, 405)


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
def test_a_detour_over_what_is_open_needs_the_token_of_where_it_ends(
    external: OpenGate, buyer_token: str, path: str
) -> None:
    assert asked(external, path) == 401
    assert asked(external, path, buyer_token) == 200


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
def test_a_path_has_one_spelling(external: OpenGate, buyer_token: str, path: str) -> None:
    assert asked(external, path, buyer_token) in (400, 404)


@pytest.mark.parametrize(
    "path", ["/customer/v1/profile%0a", "/customer/v1/profile%0d%0ax", "/customer/v1/profile%00"]
)
def test_a_service_does_not_read_a_control_character_in_a_path(platform: RunningPlatform, path: str) -> None:
    """Past the gateway: what finds the operation and what calls it must not differ about where a path ends."""
    gate = OpenGate("customer", platform.layout.port("customer"), platform.ca_file)
    assert asked(gate, path) == 400
    with direct(platform.ca_file) as client:
        answer = client.get(f"https://{HOST}:{gate.port}{path}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "identifier", ["usr_1", "..", "%2e%2e", "*", "'", "1 OR 1=1", "$ne", "{}", "%F0%9F%92%A9", "x" * 3000]
)
def test_an_identifier_that_is_none_is_a_400_or_404(external: OpenGate, buyer_token: str, identifier: str) -> None:
    for collection in ("/customer/v1/buying-orders", "/billing/v1/payments", "/shopping/v1/products"):
        with external.client(token=buyer_token) as client:
            answer = client.get(f"{collection}/{identifier}")
        # `..` ends at the collection above, which is not there.
        assert answer.status_code in (400, 404), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
