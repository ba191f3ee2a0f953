"""Requests that Schemathesis makes up from the contracts, at both gateways, with each kind of token and with none.

Right and wrong ones alike: nothing ends in a 5xx, every answer is one of the contract, and nobody gets in without a
token. The requests are the same in each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
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

from libs.gateway.build import GATEWAYS, read_gateway
from libs.gateway.model import Exposed
from tests.attacks.conftest import log_in
from tests.attacks.gateways import OpenGate, fresh_address
from tests.contract.documents import contract

CALLERS = {"external": ("nobody", "buyer2"), "internal": ("nobody", "employee", "manager", "deliveryman")}
EXAMPLES = 4
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

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], str] = {}

    def live(self, gate: OpenGate, caller: str) -> str:
        token = self._tokens.get((gate.name, caller))
        if token is not None:
            with gate.client(token=token) as client:
                if client.get("/auth/v1/session").status_code == 200:
                    return token
        token = log_in(gate, f"{caller}@reclothes.example")["access_token"]
        self._tokens[gate.name, caller] = token
        return token


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


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
        ask_all(exposed, checked(gate, exposed, headers, session), real)


def ask_all(exposed: Exposed, check: Callable[[schemathesis.Case], None], real: dict[str, str]) -> None:
    """Ask right and wrong requests of one operation, and for what can be read also about what is there."""
    operation = exposed.operation
    asked = schema_of(operation.service)[operation.path][operation.method]
    ask(asked.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE), check)
    if operation.method == "GET" and "{" in operation.path:
        known = {name: value for name, value in real.items() if f"{{{name}}}" in operation.path}
        ask(asked.as_strategy(path_parameters=known), check)
    try:
        ask(asked.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE), check)
    except Unsatisfiable:
        assert not takes_anything(asked), "only where there is nothing to get wrong"


def ask(strategy: SearchStrategy[schemathesis.Case], check: Callable[[schemathesis.Case], None]) -> None:
    bounded = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    bounded(given(case=strategy)(check))()


def takes_anything(operation: APIOperation) -> bool:
    declared = operation.definition.raw
    return bool(declared.get("parameters") or declared.get("requestBody"))


def checked(
    gate: OpenGate, exposed: Exposed, headers: dict[str, str], session: requests.Session
) -> Callable[[Any], None]:
    """A function that sends a request and looks at the answer."""
    has_token = "authorization" in headers

    def check(case: schemathesis.Case) -> None:
        answer = case.call(
            base_url=gate.url, session=session, headers=headers, verify=str(gate.ca_file), allow_redirects=False
        )
        assert answer.status_code < 500, told(case, answer)
        if exposed.needs_token and not has_token:
            assert answer.status_code in {401} | REFUSED_BY_GATEWAY, told(case, answer)
            assert answer.headers["content-type"] == ["application/problem+json"]
            return
        case.validate_response(answer, checks=CONFORMANCE)

    return check


def told(case: schemathesis.Case, answer: schemathesis.Response) -> str:
    return f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}"
