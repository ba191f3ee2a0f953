"""Own data only: a resource of a customer does not exist for anybody else, in any operation that takes its id.

The operations are found in the contracts. Each is called with the id of a resource of another customer, and with an
id that does not exist: both are 404, and the responses differ in request id and time only.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.site import Site, create_site
from tests.security.callers import Principals
from tests.security.example_requests import all_operations
from tests.security.owned_resources import (
    FACTORIES,
    ResourceFactory,
    ResourceId,
    find_customer_ids,
    find_exposed_operations,
    find_ids,
    find_public_kinds,
)
from tools.demo.people import Actor
from tools.gateway.build import GATEWAYS

CASES = find_customer_ids()
REQUEST_SPECIFIC_HEADERS = {"date", "x-request-id", "x-envoy-upstream-service-time"}


@pytest.fixture(scope="module")
def factory(principals: Principals) -> ResourceFactory:
    owner = principals.customer("buyer")
    owner.log_in()

    def new_site() -> Site:
        return create_site(principals.platform, principals.demo_staff, f"Place {uuid.uuid4().hex[:8]}")

    return ResourceFactory(owner, principals.manager, new_site)


@pytest.fixture(scope="module")
def others(principals: Principals) -> dict[str, Actor]:
    """Another customer at the external gateway, and the manager, who has most scopes, at the internal one."""
    other = principals.customer("buyer2")
    other.log_in()
    return {"external": other, "internal": principals.manager}


@pytest.fixture
def clients_of(principals: Principals) -> Iterator[dict[str, httpx.Client]]:
    opened = {name: gateway.client() for name, gateway in principals.gateways.items()}
    yield opened
    for client in opened.values():
        client.close()


@pytest.mark.parametrize("resource_id", CASES, ids=str)
def test_a_resource_of_another_customer_does_not_exist(
    resource_id: ResourceId, factory: ResourceFactory, others: dict[str, Actor], clients_of: dict[str, httpx.Client]
) -> None:
    create = FACTORIES.get(resource_id.kind)
    assert create is not None, (
        f"{resource_id}: add a factory of ids that begin with {resource_id.kind!r} to FACTORIES in "
        "tests/security/owned_resources.py, or make these resources public in the contract"
    )
    factory.parents = {}
    existing, missing = create(factory), f"{resource_id.kind}_{uuid.uuid4().hex}"
    parents = factory.parents
    for gateway in GATEWAYS:
        if resource_id.operation in find_exposed_operations(gateway):
            client, header = clients_of[gateway], f"Bearer {others[gateway].token}"
            rejected = resource_id.request(existing, parents).send(client, header)
            unknown = resource_id.request(missing, parents).send(client, header)
            if resource_id.part == "query" and rejected.status_code == 200:  # a list that the filter leaves empty
                assert rejected.json() == unknown.json() == {"items": [], "next_cursor": None}
            else:
                assert rejected.status_code == 404, f"{gateway}: {rejected.status_code} {rejected.text}"
                assert comparable(rejected, existing) == comparable(unknown, missing)
    own = resource_id.request(existing, parents).send(clients_of["external"], f"Bearer {factory.owner.token}")
    assert own.is_success or own.status_code in (402, 409, 422), f"it does not exist for its owner: {own.text}"


def comparable(response: httpx.Response, sent_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Everything in a response except what is specific to the request."""
    body = response.json()
    assert body.pop("instance").endswith(response.headers["x-request-id"])
    assert sent_id not in response.text, "the response repeats the id"
    headers = {name: value for name, value in response.headers.items() if name not in REQUEST_SPECIFIC_HEADERS}
    return response.status_code, body, headers


def test_all_ids_are_tested() -> None:
    """Each path parameter of an operation for customers is a case above, or identifies a public resource."""
    with_parameter = {
        operation.operation_id
        for operation in all_operations().values()
        if operation in find_exposed_operations("external") and "{" in operation.path
    }
    public = find_public_kinds()
    with_public_ids = {
        operation.operation_id
        for operation in all_operations().values()
        if any(resource_id.kind in public for resource_id in find_ids(operation) if resource_id.part == "path")
    }
    cases = {resource_id.operation.operation_id for resource_id in CASES}
    assert with_parameter <= cases | with_public_ids
    assert {"get_buying_order", "get_payment", "end_session", "mark_notification_read"} <= cases
    assert "create_payment" in cases, "ids in a body are found too"
    assert public <= {"prd", "loc", "cli"}, "a new kind of resource is public; is that intended?"
