"""Requests that Schemathesis generates from the contracts, at both gateways, with each kind of token and without.

Valid and invalid requests, and requests with boundary values: no response is a 5xx, every response conforms to the
contract, and no operation that needs a token accepts a request without one. Each run sends the same requests.
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
from tests.attacks.boundary_values import with_boundary_values
from tests.attacks.conftest import log_in
from tests.attacks.gateways import UnthrottledGateway, unused_address
from tests.contract.documents import contract
from tools.gateway.build import GATEWAYS, read_gateway
from tools.gateway.model import Exposed
from tools.project import CONTRACTS

SERVICE_ACCOUNT = "a service account"
schemathesis.openapi.format("iso-4217", st.sampled_from(sorted(MINOR_UNIT_DIGITS)))
schemathesis.openapi.format("locale", st.sampled_from(["en", "de", "pt-PT", "ja", "zh-Hant-TW"]))
schemathesis.openapi.format("time-zone", st.sampled_from(sorted(available_timezones())))
CALLERS = {
    "external": ("anonymous", "buyer2", SERVICE_ACCOUNT),
    "internal": ("anonymous", "employee", "manager", "deliveryman", SERVICE_ACCOUNT),
}
SERVICE_ACCOUNT_SCOPES = [
    scope
    for scope, facts in yaml.safe_load((CONTRACTS / "scopes.yaml").read_text()).items()
    if "machine" in facts["holders"]
]
EXAMPLES = 4  # requests of each kind, if the caller is authorized
CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
# Statuses of a gateway for requests that it cannot assign to an operation.
REJECTED_BY_GATEWAY = {400, 404, 405, 413, 431}
ALL_OPERATIONS = [
    pytest.param(name, exposed, id=f"{name}-{exposed.operation.operation_id}")
    for name in GATEWAYS
    for exposed in read_gateway(name).exposed
]


@lru_cache
def schema_of(service: str) -> BaseSchema:
    """The contract of a service, bundled into one document."""
    generation = GenerationConfig(with_security_parameters=False)
    analysis = AnalysisConfig(constants=ConstantsConfig(enabled=False))  # it would parse all our code first
    projects = ProjectsConfig(default=ProjectConfig(generation=generation, analysis=analysis))
    return schemathesis.openapi.from_dict(contract(service), config=SchemathesisConfig(projects=projects))


class TokenStore:
    """Keeps a valid token for each caller, and logs in again when a test has ended the session."""

    def __init__(self, internal: UnthrottledGateway) -> None:
        self._internal = internal
        self._tokens: dict[tuple[str, str], str] = {}

    def valid_token(self, gateway: UnthrottledGateway, caller: str) -> str:
        token = self._tokens.get((gateway.name, caller))
        if caller == SERVICE_ACCOUNT:
            token = token or self._create_service_account(gateway)
            self._tokens[gateway.name, caller] = token
            return token  # no operation that it may call ends it
        if token is not None:
            with gateway.client(token=token) as client:
                if client.get("/auth/v1/session").status_code == 200:
                    return token
        token = log_in(gateway, f"{caller}@reclothes.example")["access_token"]
        self._tokens[gateway.name, caller] = token
        return token

    def _create_service_account(self, gateway: UnthrottledGateway) -> str:
        """Create a service account with all scopes that it may hold; return its token."""
        fields = {"name": "Schemathesis", "kind": "confidential", "grant": "client_credentials"}
        body = fields | {"gateway": gateway.name, "scopes": SERVICE_ACCOUNT_SCOPES}
        with self._internal.client(token=self.valid_token(self._internal, "manager")) as manager:
            headers = {"idempotency-key": uuid.uuid4().hex}
            created = manager.post("/auth/v1/oauth-clients", json=body, headers=headers)
            assert created.status_code == 201, created.text
            client_id = created.json()["client_id"]
            secret = manager.put(f"/auth/v1/oauth-clients/{client_id}/secret").json()
        with gateway.client(address=unused_address()) as machine:
            credentials = (client_id, secret["client_secret"])
            form = {"grant_type": "client_credentials"}
            response = machine.post("/auth/v1/oauth/tokens", data=form, auth=credentials)
        assert response.status_code == 200, response.text
        token: str = response.json()["access_token"]
        return token


@pytest.fixture(scope="module")
def tokens(internal: UnthrottledGateway) -> TokenStore:
    return TokenStore(internal)


class FromAddress(HTTPAdapter):
    """Connects from an unused address, for which no failed log-in was counted."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(unused_address(), 0))


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", FromAddress())
        yield session


@pytest.fixture(scope="module")
def existing_ids(external: UnthrottledGateway, internal: UnthrottledGateway, tokens: TokenStore) -> dict[str, str]:
    """Ids of existing resources, by the names of their path parameters."""
    with external.client() as anonymous, internal.client(token=tokens.valid_token(internal, "manager")) as manager:
        product = anonymous.get("/shopping/v1/products", params={"limit": 1}).json()["items"][0]["id"]
        location = anonymous.get("/locker/v1/locations").json()["items"][0]["id"]
        person = manager.get("/auth/v1/session").json()["user"]["id"]
    return {"product_id": product, "location_id": location, "user_id": person, "role": "employee"}


@pytest.mark.parametrize(("gateway", "exposed"), ALL_OPERATIONS)
def test_every_response_conforms_to_the_contract(
    request: pytest.FixtureRequest,
    gateway: str,
    exposed: Exposed,
    tokens: TokenStore,
    session: requests.Session,
    existing_ids: dict[str, str],
) -> None:
    unthrottled: UnthrottledGateway = request.getfixturevalue(gateway)
    for caller in CALLERS[gateway]:
        headers = {}
        if caller != "anonymous":
            headers["authorization"] = f"Bearer {tokens.valid_token(unthrottled, caller)}"
        send_all(exposed, RequestSender(unthrottled, exposed, headers, session), existing_ids)


def test_service_accounts_may_call_operations() -> None:
    for gateway in GATEWAYS:
        operations = {
            exposed.operation.operation_id
            for exposed in read_gateway(gateway).exposed
            if _is_for_service_accounts(exposed)
        }
        assert operations & {"report_events", "list_inventory"}, gateway


def _is_for_service_accounts(exposed: Exposed) -> bool:
    needed = exposed.operation.scopes
    return bool(needed) and set(needed) <= set(SERVICE_ACCOUNT_SCOPES)


@dataclass
class RequestSender:
    """Sends requests as one caller and checks the responses."""

    gateway: UnthrottledGateway
    exposed: Exposed
    headers: dict[str, str]
    session: requests.Session
    is_rejected: bool = False

    def send(self, case: schemathesis.Case) -> None:
        response = case.call(
            base_url=self.gateway.url,
            session=self.session,
            headers=self.headers,
            verify=str(self.gateway.ca_file),
            allow_redirects=False,
        )
        assert response.status_code < 500, describe(case, response)
        if self.exposed.needs_token and "authorization" not in self.headers:
            assert response.status_code in {401} | REJECTED_BY_GATEWAY, describe(case, response)
            assert response.headers["content-type"] == ["application/problem+json"]
            self.is_rejected = True
            return
        case.validate_response(response, checks=CONFORMANCE)
        challenge = response.headers.get("www-authenticate", [""])[0]
        if response.status_code == 403 and "insufficient_scope" in challenge:
            self.is_rejected = True


def send_all(exposed: Exposed, sender: RequestSender, existing_ids: dict[str, str]) -> None:
    """Send valid and invalid requests of one operation; for reads also with the ids of existing resources.

    A caller without access is rejected whatever is sent (see the access matrix), so one of each kind is enough.
    """
    operation = exposed.operation
    api_operation = schema_of(operation.service)[operation.path][operation.method]
    valid = api_operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    send_examples(valid, sender, 1)
    examples = 1 if sender.is_rejected else EXAMPLES
    if not sender.is_rejected:
        send_examples(valid, sender, examples // 2)
        send_examples(with_boundary_values(valid, operation.service), sender, examples - examples // 2)
        if operation.method == "GET" and "{" in operation.path:
            path_parameters = {
                name: value for name, value in existing_ids.items() if f"{{{name}}}" in operation.path
            }
            send_examples(api_operation.as_strategy(path_parameters=path_parameters), sender, examples)
    try:
        send_examples(
            api_operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE), sender, examples
        )
    except Unsatisfiable:
        assert not has_input(api_operation), "an operation with input has invalid requests"


def send_examples(strategy: SearchStrategy[schemathesis.Case], sender: RequestSender, examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def send(case: schemathesis.Case) -> None:
        sender.send(case)

    send()


def has_input(operation: APIOperation) -> bool:
    declared = operation.definition.raw
    return bool(declared.get("parameters") or declared.get("requestBody"))


def describe(case: schemathesis.Case, response: schemathesis.Response) -> str:
    return f"{case.as_curl_command()}\n{response.status_code} {response.text[:500]}"
