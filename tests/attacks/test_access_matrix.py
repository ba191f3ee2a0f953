"""The access matrix: every operation, at both gateways and at its service itself, by every kind of caller.

What is expected of a cell is computed from the contracts, `gateway-config/` and the roles of the running platform,
so that a new operation has its cells by itself.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from libs.gateway.build import CONTRACTS_DIR, GATEWAYS, read_gateway
from libs.gateway.contracts import Operation, load_contracts
from libs.gateway.model import Exposed
from libs.runner.layout import HOST
from tests.attacks.conftest import log_in
from tests.attacks.gateways import OpenGate
from tests.attacks.requests_of import declared, request_of
from tests.support.platform import RunningPlatform

OPERATIONS = load_contracts(CONTRACTS_DIR)
EXPOSED: dict[str, dict[str, Exposed]] = {
    name: {one.operation.operation_id: one for one in read_gateway(name).exposed} for name in GATEWAYS
}
PEOPLE = {"external": ("buyer2",), "internal": ("manager", "employee", "deliveryman")}
NOT_LET_IN = (
    "no token",
    "an unknown token",
    "an expired token",
    "a revoked token",
    "a token of the other gateway",
    "a JWT of a service",
    "a JWT of a person",
)
_cells: list[str] = []


@dataclass(frozen=True)
class Callers:
    """Everybody who tries: `people` are let in, with the scopes of their roles; `others` are not."""

    people: dict[tuple[str, str], Callable[[], str]]
    scopes: dict[str, frozenset[str]]
    others: dict[str, dict[str, str | None]]
    service_jwt: str
    service_scopes: frozenset[str]
    person_jwt: str


class Account:
    """A demo account; a token of it that still lives, a new one when an operation under test has ended it."""

    def __init__(self, gate: OpenGate, name: str) -> None:
        self._gate, self._name, self._token = gate, name, ""

    def __call__(self) -> str:
        if self._token:
            with self._gate.client(token=self._token) as client:
                if client.get("/auth/v1/session").status_code == 200:
                    return self._token
        self._token = log_in(self._gate, f"{self._name}@reclothes.example")["access_token"]
        return self._token


@pytest.fixture(scope="module")
def gates(external: OpenGate, internal: OpenGate) -> dict[str, OpenGate]:
    return {"external": external, "internal": internal}


@pytest.fixture(scope="module")
def clients(gates: dict[str, OpenGate], platform: RunningPlatform) -> Iterator[dict[str, httpx.Client]]:
    opened = {name: gate.client() for name, gate in gates.items()}
    yield opened
    for client in opened.values():
        client.close()


@pytest.fixture(scope="module")
def callers(platform: RunningPlatform, gates: dict[str, OpenGate]) -> Callers:
    accounts = {(gate, name): Account(gates[gate], name) for gate, names in PEOPLE.items() for name in names}
    with gates["internal"].client(token=accounts["internal", "manager"]()) as manager:
        roles = manager.get("/auth/v1/roles", params={"limit": 100}).json()["items"]
    scopes = {role["name"]: frozenset(role["permissions"]) for role in roles if role["is_built_in"]}
    assert set(scopes) == {"customer", *PEOPLE["internal"]}, "a demo account for each role"
    service_jwt, service_scopes = _service_token(platform)
    person_jwt = _exchanged(platform, accounts["external", "buyer2"]())
    others = {}
    for gate, other in (("external", "internal"), ("internal", "external")):
        tokens = [
            None,
            "rco_" + "x" * 43,
            _expired(platform, gates[gate], PEOPLE[gate][0]),
            _revoked(gates[gate], PEOPLE[gate][0]),
            accounts[other, PEOPLE[other][0]](),
            service_jwt,
            person_jwt,
        ]
        others[gate] = dict(zip(NOT_LET_IN, tokens, strict=True))
    by_name = {"buyer2": scopes["customer"]} | {name: scopes[name] for name in PEOPLE["internal"]}
    return Callers(dict(accounts), by_name, others, service_jwt, service_scopes, person_jwt)


def _service_token(platform: RunningPlatform) -> tuple[str, frozenset[str]]:
    """The JWT of the service `customer`, as it asks auth for it."""
    known = json.loads((platform.layout.secrets_dir / "service-clients.json").read_text())["customer"]
    answer = httpx.post(
        f"{platform.layout.url_of_service('auth')}/auth/v1/token",
        data={"grant_type": "client_credentials"},
        auth=("customer", known["secret"]),
        verify=str(platform.ca_file),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"], frozenset(known["scopes"])


def _exchanged(platform: RunningPlatform, token: str) -> str:
    """What the external gateway gets for a customer's token."""
    url = f"{platform.layout.url_of_service('auth')}/exchange/external/customer/v1/profile"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, verify=str(platform.ca_file))
    return answer.headers["authorization"].removeprefix("Bearer ")


def _expired(platform: RunningPlatform, gate: OpenGate, name: str) -> str:
    """A token whose time is over before it was ever used."""
    opened = log_in(gate, f"{name}@reclothes.example")
    with sqlite3.connect(platform.layout.data_dir / "sqlite" / "auth.db", timeout=10) as database:
        newest = "SELECT id FROM sessions ORDER BY created_at DESC LIMIT 1"
        database.execute(
            f"UPDATE sessions SET access_expires_at = '2020-01-01 00:00:00.000000' WHERE id = ({newest})"
        )
    return opened["access_token"]


def _revoked(gate: OpenGate, name: str) -> str:
    token = log_in(gate, f"{name}@reclothes.example")["access_token"]
    with gate.client(token=token) as client:
        assert client.delete("/auth/v1/session").status_code == 204
    return token


def problem(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"].rpartition("/")[2])


def send(client: httpx.Client, operation: Operation, token: str | None) -> httpx.Response:
    request = request_of(operation)
    headers = request.arguments["headers"] | ({"Authorization": f"Bearer {token}"} if token else {})
    arguments = request.arguments | {"headers": headers}
    return client.request(request.method, request.path, **arguments, follow_redirects=False)


def expect_let_in(answer: httpx.Response, operation: Operation) -> None:
    """An answer of the operation itself: one that it declares, and not that this caller may not ask."""
    assert str(answer.status_code) in declared(operation)["responses"], answer.text
    assert answer.status_code < 500, answer.text
    if answer.status_code in (401, 403):
        assert problem(answer) not in ("unauthenticated", "forbidden"), answer.text


def expect_refusal(answer: httpx.Response, status: int, slug: str) -> None:
    assert (answer.status_code, problem(answer)) == (status, slug), answer.text
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


def methods_of(gateway: str, path: str) -> set[str]:
    """The methods that this gateway exposes at a path as it is sent."""
    return {
        one.operation.method
        for one in EXPOSED[gateway].values()
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", one.operation.path), path)
    }


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_gateway_lets_in_who_may_and_nobody_else(
    name: str, gateway: str, callers: Callers, clients: dict[str, httpx.Client]
) -> None:
    operation, exposed, client = OPERATIONS[name], EXPOSED[gateway].get(name), clients[gateway]
    people = {who: token for (gate, who), token in callers.people.items() if gate == gateway}
    for who in (*callers.others[gateway], *people):
        token = people[who]() if who in people else callers.others[gateway][who]
        answer = send(client, operation, token)
        _cells.append(f"{name} {gateway} {who}")
        if exposed is None:
            known = methods_of(gateway, request_of(operation).path)
            if known:
                expect_refusal(answer, 405, "method-not-allowed")
                assert set(answer.headers["allow"].split(", ")) == known
            else:
                expect_refusal(answer, 404, "not-found")
        elif not exposed.needs_token:
            expect_let_in(answer, operation)
        elif who not in people:
            expect_refusal(answer, 401, "unauthenticated")
        elif set(operation.scopes) <= callers.scopes[who]:
            expect_let_in(answer, operation)
        else:
            expect_refusal(answer, 403, "forbidden")


def _tampered(token: str) -> dict[str, str]:
    """JWTs that only somebody without our key would send."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = _text(claims | {"kind": "internal", "scope": " ".join(sorted(_ALL_SCOPES))})
    own_key = ECKey.generate_key("P-256")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    return {
        "changed claims": f"{head}.{forged}.{signature}",
        "no signature": f"{_text({'alg': 'none', 'typ': 'JWT'})}.{forged}.",
        "another key": jwt.encode(header, claims, own_key),
        "no token": "",
    }


def _text(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


_ALL_SCOPES = {scope for operation in OPERATIONS.values() for scope in operation.scopes}


@pytest.mark.parametrize("name", sorted(name for name, one in OPERATIONS.items() if one.needs_token))
def test_a_service_believes_nobody_but_auth(name: str, callers: Callers, platform: RunningPlatform) -> None:
    operation = OPERATIONS[name]
    url = f"https://{HOST}:{platform.layout.port(operation.service)}"
    with httpx.Client(base_url=url, verify=str(platform.ca_file)) as client:
        for who, token in _tampered(callers.person_jwt).items():
            _cells.append(f"{name} service {who}")
            expect_refusal(send(client, operation, token), 401, "unauthenticated")
        answer = send(client, operation, callers.service_jwt)
        _cells.append(f"{name} service another service")
        if set(operation.scopes) <= callers.service_scopes:
            expect_let_in(answer, operation)
        else:
            expect_refusal(answer, 403, "forbidden")


def test_no_cell_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Every operation at both gateways, and at its service when it needs a token."""
    asked = {tuple(cell.split(" ")[:2]) for cell in _cells}
    if not {("log_out", "external"), ("log_out", "service")} <= asked:
        pytest.skip("only a part of the matrix was asked for")
    wanted = {(name, gateway) for name in OPERATIONS for gateway in GATEWAYS}
    wanted |= {(name, "service") for name, one in OPERATIONS.items() if one.needs_token}
    assert asked == wanted
    assert len(_cells) == len(set(_cells))
    with capsys.disabled():
        print(f"\naccess matrix: {len(_cells)} cells, {len(OPERATIONS)} operations")
