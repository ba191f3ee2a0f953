"""Own data only (domain rule 5): for whatever has an id, another customer's is as if it did not exist.

The operations are found in the contracts: those of the external gateway that need a token and take, in their path
or body, the id of what belongs to a customer. What the public can read by the same parameter is nobody's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from libs.gateway.build import read_gateway
from libs.gateway.contracts import Operation
from libs.runner.actors import Customer, idempotency_key, wait_for
from tests.attacks.gateways import OpenGate
from tests.attacks.requests_of import declared, request_of

EXPOSED = read_gateway("external").exposed
PUBLIC = {
    name for one in EXPOSED if not one.needs_token for name in re.findall(r"\{([^}]*)\}", one.operation.path)
} | {"pickup_location_id"}


def ids_in(operation: Operation) -> set[str]:
    """The names of what this operation takes an id of, and that is somebody's own."""
    names = set(re.findall(r"\{([^}]*)\}", operation.path))
    for content in declared(operation).get("requestBody", {}).get("content", {}).values():
        names |= {name for name in content["schema"].get("properties", {}) if name.endswith("_id")}
    return names - PUBLIC


OPERATIONS = sorted(
    (one.operation for one in EXPOSED if one.needs_token and ids_in(one.operation)),
    key=lambda operation: operation.operation_id,
)


def an_order(owner: Customer) -> str:
    [product, *_] = owner.browse(limit=1)["items"]
    order_id: str = owner.place_order([product["id"]], owner.locations()[0]["id"])["id"]
    return order_id


def a_payment(owner: Customer) -> str:
    payment_id: str = owner.pay(an_order(owner), owner.card())["id"]
    return payment_id


def a_notification(owner: Customer) -> str:
    owner.pay(an_order(owner), owner.card())

    def read() -> str | None:
        items = owner.call("GET", "/auth/v1/notifications").json()["items"]
        return str(items[0]["id"]) if items else None

    return wait_for("a notification", read)


def a_session(owner: Customer) -> str:
    session_id: str = owner.call("GET", "/auth/v1/session").json()["session_id"]
    return session_id


def a_device(owner: Customer) -> str:
    body = {"platform": "fcm", "device_token": "d" * 40}
    path = "/auth/v1/notification-settings/devices"
    device_id: str = owner.call("POST", path, json=body, headers=idempotency_key(), expect=201).json()["id"]
    return device_id


MAKERS: dict[str, Callable[[Customer], str]] = {
    "order_id": an_order,
    "payment_id": a_payment,
    "notification_id": a_notification,
    "session_id": a_session,
    "device_id": a_device,
}


@pytest.fixture(scope="module")
def owner(platform: Any, external: OpenGate) -> Customer:
    person = Customer(external.url, platform.ca_file, "buyer@reclothes.example")
    person.log_in()
    return person


@pytest.fixture(scope="module")
def owned(owner: Customer) -> Callable[[str], str]:
    """The id of something of the owner's, made at its first use."""
    made: dict[str, str] = {}

    def find(name: str) -> str:
        if name not in made:
            made[name] = MAKERS[name](owner)
        return made[name]

    return find


def told(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    document = answer.json()
    document.pop("instance", None)
    return answer.status_code, document


def ask(client: httpx.Client, operation: Operation, ids: dict[str, str]) -> httpx.Response:
    request = request_of(operation, ids)
    return client.request(request.method, request.path, **request.arguments)


def test_every_kind_of_thing_that_is_somebodys_own_is_tried() -> None:
    names = {name for operation in OPERATIONS for name in ids_in(operation)}
    assert names <= MAKERS.keys(), "say in MAKERS how a customer comes to one"
    assert len(OPERATIONS) >= 8


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_what_belongs_to_another_customer_does_not_exist(
    operation: Operation, owned: Callable[[str], str], external: OpenGate, rival_token: str
) -> None:
    [name] = ids_in(operation)
    own = owned(name)
    nobodys = own.partition("_")[0] + "_" + "0" * 32
    with external.client(token=rival_token) as rival:
        others, unknown = ask(rival, operation, {name: own}), ask(rival, operation, {name: nobodys})
    assert told(others) == told(unknown), "one cannot tell whether it exists"
    assert others.status_code == 404
    without = {"date", "x-request-id", "content-length"}
    assert set(others.headers) - without == set(unknown.headers) - without


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS if operation.method == "GET"],
    ids=lambda operation: operation.operation_id,
)
def test_its_owner_can_read_it(operation: Operation, owned: Callable[[str], str], owner: Customer) -> None:
    [name] = ids_in(operation)
    request = request_of(operation, {name: owned(name)})
    owner.call(request.method, request.path, **request.arguments)
