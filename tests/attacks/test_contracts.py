"""Requests that Schemathesis makes up from the contracts, at both gateways, with each kind of token and with none.

Right and wrong ones alike, and ones with values at the edges of their types (`boundaries.py`): nothing ends in a
5xx, every answer is one of the contract, and nobody gets in without a token. The requests are the same in each run.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from requests.adapters import HTTPAdapter
from schemathesis.config import (
    AnalysisConfig,
    ConstantsConfig,
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks

from libs.chassis.money import MINOR_UNIT_DIGITS
from tests.attacks.boundaries import at_the_edge
from tests.attacks.conftest import log_in
from tests.attacks.gateways import OpenGate, fresh_address
from tests.contract.documents import contract
from tools.gateway.build import GATEWAYS, read_gateway
from tools.gateway.model import Exposed
from tools.project import CONTRACTS

MACHINE = "a service account"
schemathesis.openapi.format("iso-4217", st.sampled_from(sorted(MINOR_UNIT_DIGITS)))
schemathesis.openapi.format("locale", st.sampled_from(["en", "de", "pt-PT", "ja", "zh-Hant-TW"]))
schemathesis.openapi.format("time-zone", st.sampled_from(sorted(available_timezones())))
CALLERS = {
    "external": ("nobody", "buyer2", MACHINE),
    "internal": ("nobody", "employee", "manager", "deliveryman", MACHINE),
}
MACHINE_SCOPES = [
    scope
    for scope, facts in yaml.safe_load((CONTRACTS / "scopes.yaml").read_text()).items()
    if "machine" in facts["holders"]
]
EXAMPLES = 4  # requests of each sort, where the caller is let in
CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
# What a gateway may answer to any request that it cannot read as one of an operation.
REFUSED_BY_GATEWAY = {400, 404, 405, 413, 431}
EVERY_OPERATION = [
    pytest.param(name, exposed, id=f"{name}-{exposed.operation.operation_id}")
    for name in GATEWAYS
    for exposed in read_gateway(name).exposed
]


@lru_cache
def schema_of(service: str) -> BaseSchema:
    """The contract of a service, bundled into one document."""
    generation = GenerationConfig(with_security_parameters=False)
    analysis = AnalysisConfig(constants=ConstantsConfig(enabled=False))  # it would read all of our code first
    projects = ProjectsConfig(default=ProjectConfig(generation=generation, analysis=analysis))
    return schemathesis.openapi.from_dict(contract(service), config=SchemathesisConfig(projects=projects))


class Tokens:
    """A live token of each caller; another one when an operation under test has ended the session."""

    def __init__(self, internal: OpenGate) -> None:
        self._internal = internal
        self._tokens: dict[tuple[str, str], str] = {}

    def live(self, gate: OpenGate, caller: str) -> str:
        token = self._tokens.get((gate.name, caller))
        if caller == MACHINE:
            token = token or self._of_machine(gate)
            self._tokens[gate.name, caller] = token
            return token  # no operation that it may ask for ends it
        if token is not None:
            with gate.client(token=token) as client:
                if client.get("/auth/v1/session").status_code == 200:
                    return token
        token = log_in(gate, f"{caller}@reclothes.example")["access_token"]
        self._tokens[gate.name, caller] = token
        return token

    def _of_machine(self, gate: OpenGate) -> str:
        """The token of a new service account of this gateway, with all that one can hold."""
        wanted = {"name": "Schemathesis", "kind": "confidential", "grant": "client_credentials"}
        body = wanted | {"gateway": gate.name, "scopes": MACHINE_SCOPES}
        with self._internal.client(token=self.live(self._internal, "manager")) as manager:
            headers = {"idempotency-key": uuid.uuid4().hex}
            made = manager.post("/auth/v1/oauth-clients", json=body, headers=headers)
            assert made.status_code == 201, made.text
            client_id = made.json()["client_id"]
            told = manager.put(f"/auth/v1/oauth-clients/{client_id}/secret").json()
        with gate.client(address=fresh_address()) as machine:
            proof = (client_id, told["client_secret"])
            form = {"grant_type": "client_credentials"}
            answer = machine.post("/auth/v1/oauth/tokens", data=form, auth=proof)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


@pytest.fixture(scope="module")
def tokens(internal: OpenGate) -> Tokens:
    return Tokens(internal)


class FromAddress(HTTPAdapter):
    """Connects from an address of its own, which no failed log-in was counted against."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(fresh_address(), 0))


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", FromAddress())
        yield session


@pytest.fixture(scope="module")
def real(external: OpenGate, internal: OpenGate, tokens: Tokens) -> dict[str, str]:
    """Ids of things that are there, by the names of the parameters that stand for them."""
    with external.client() as anybody, internal.client(token=tokens.live(internal, "manager")) as manager:
        product = anybody.get("/shopping/v1/products", params={"limit": 1}).json()["items"][0]["id"]
        location = anybody.get("/locker/v1/locations").json()["items"][0]["id"]
        person = manager.get("/auth/v1/session").json()["user"]["id"]
    return {"product_id": product, "location_id": location, "user_id": person, "role": "employee"}


@pytest.mark.parametrize(("gateway", "exposed"), EVERY_OPERATION)
def test_whatever_is_asked_the_answer_is_one_of_the_contract(
    request: pytest.FixtureRequest,
    gateway: str,
    exposed: Exposed,
    tokens: Tokens,
    session: requests.Session,
    real: dict[str, str],
) -> None:
    gate: OpenGate = request.getfixturevalue(gateway)
    for caller in CALLERS[gateway]:
        headers = {}
        if caller != "nobody":
            headers["authorization"] = f"Bearer {tokens.live(gate, caller)}"
        ask_all(exposed, Asker(gate, exposed, headers, session), real)


def test_service_accounts_are_among_those_who_are_let_in() -> None:
    for gateway in GATEWAYS:
        asked = {one.operation.operation_id for one in read_gateway(gateway).exposed if _is_for_machines(one)}
        assert asked & {"report_events", "list_inventory"}, gateway


def _is_for_machines(exposed: Exposed) -> bool:
    needed = exposed.operation.scopes
    return bool(needed) and set(needed) <= set(MACHINE_SCOPES)


@dataclass
class Asker:
    """Sends requests as one caller and looks at the answers."""

    gate: OpenGate
    exposed: Exposed
    headers: dict[str, str]
    session: requests.Session
    is_turned_away: bool = False

    def send(self, case: schemathesis.Case) -> None:
        answer = case.call(
            base_url=self.gate.url,
            session=self.session,
            headers=self.headers,
            verify=str(self.gate.ca_file),
            allow_redirects=False,
        )
        assert answer.status_code < 500, told(case, answer)
        if self.exposed.needs_token and "authorization" not in self.headers:
            assert answer.status_code in {401} | REFUSED_BY_GATEWAY, told(case, answer)
            assert answer.headers["content-type"] == ["application/problem+json"]
            self.is_turned_away = True
            return
        case.validate_response(answer, checks=CONFORMANCE)
        challenge = answer.headers.get("www-authenticate", [""])[0]
        if answer.status_code == 403 and "insufficient_scope" in challenge:
            self.is_turned_away = True


def ask_all(exposed: Exposed, asker: Asker, real: dict[str, str]) -> None:
    """Ask right and wrong requests of one operation, and for what can be read also about what is there.

    Who is turned away is so whatever is sent (the access matrix has all of them): one request of each sort will do.
    """
    operation = exposed.operation
    asked = schema_of(operation.service)[operation.path][operation.method]
    right = asked.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    ask(right, asker, 1)
    examples = 1 if asker.is_turned_away else EXAMPLES
    if not asker.is_turned_away:
        ask(right, asker, examples // 2)
        ask(at_the_edge(right, operation.service), asker, examples - examples // 2)
        if operation.method == "GET" and "{" in operation.path:
            known = {name: value for name, value in real.items() if f"{{{name}}}" in operation.path}
            ask(asked.as_strategy(path_parameters=known), asker, examples)
    try:
        ask(asked.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE), asker, examples)
    except Unsatisfiable:
        assert not takes_anything(asked), "only where there is nothing to get wrong"


def ask(strategy: SearchStrategy[schemathesis.Case], asker: Asker, examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def asked(case: schemathesis.Case) -> None:
        asker.send(case)

    asked()


def takes_anything(operation: APIOperation) -> bool:
    declared = operation.definition.raw
    return bool(declared.get("parameters") or declared.get("requestBody"))


def told(case: schemathesis.Case, answer: schemathesis.Response) -> str:
    return f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}"
