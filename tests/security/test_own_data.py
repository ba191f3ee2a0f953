"""Own data only: what belongs to one customer is not there for anybody else, in no operation that takes its id.

The operations are found in the contracts. Each is asked with the id of a thing that somebody else has, and with one
that nobody has: both are 404, and nothing but the request's own id and time tells one answer from the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.site import Site, create_site
from tests.security.belongings import (
    MAKERS,
    Id,
    Maker,
    exposed_at,
    ids_in,
    ids_of_customers,
    public_kinds,
)
from tests.security.callers import Town
from tests.security.requests import every_operation
from tools.demo.people import Actor
from tools.gateway.build import GATEWAYS

CASES = ids_of_customers()
OF_THIS_REQUEST = {"date", "x-request-id", "x-envoy-upstream-service-time"}


@pytest.fixture(scope="module")
def maker(town: Town) -> Maker:
    owner = town.customer("buyer")
    owner.log_in()

    def new_site() -> Site:
        return create_site(town.platform, town.demo_staff, f"Place {uuid.uuid4().hex[:8]}")

    return Maker(owner, town.manager, new_site)


@pytest.fixture(scope="module")
def others(town: Town) -> dict[str, Actor]:
    """Somebody else at each gateway: another customer, and the manager, who may do the most."""
    other = town.customer("buyer2")
    other.log_in()
    return {"external": other, "internal": town.manager}


@pytest.fixture
def clients_of(town: Town) -> Iterator[dict[str, httpx.Client]]:
    opened = {name: gate.client() for name, gate in town.gates.items()}
    yield opened
    for client in opened.values():
        client.close()


@pytest.mark.parametrize("asked", CASES, ids=str)
def test_what_somebody_else_has_is_not_there(
    asked: Id, maker: Maker, others: dict[str, Actor], clients_of: dict[str, httpx.Client]
) -> None:
    make = MAKERS.get(asked.kind)
    assert make is not None, (
        f"{asked}: add a maker for ids that begin with {asked.kind!r} to MAKERS in tests/security/belongings.py, "
        "or let the contract show these things to everybody"
    )
    maker.within = {}
    theirs, nobodys = make(maker), f"{asked.kind}_{uuid.uuid4().hex}"
    within = maker.within
    for gateway in GATEWAYS:
        if asked.operation in exposed_at(gateway):
            client, header = clients_of[gateway], f"Bearer {others[gateway].token}"
            refused = asked.request(theirs, within).send(client, header)
            unknown = asked.request(nobodys, within).send(client, header)
            if asked.place == "query" and refused.status_code == 200:  # a list that a stranger's id leaves empty
                assert refused.json() == unknown.json() == {"items": [], "next_cursor": None}
            else:
                assert refused.status_code == 404, f"{gateway}: {refused.status_code} {refused.text}"
                assert told(refused, theirs) == told(unknown, nobodys)
    own = asked.request(theirs, within).send(clients_of["external"], f"Bearer {maker.owner.token}")
    assert own.is_success or own.status_code in (402, 409, 422), f"not there for its owner: {own.text}"


def told(answer: httpx.Response, asked_for: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Everything an answer tells, but for what belongs to this request alone."""
    body = answer.json()
    assert body.pop("instance").endswith(answer.headers["x-request-id"])
    assert asked_for not in answer.text, "the id comes back in the answer"
    headers = {name: value for name, value in answer.headers.items() if name not in OF_THIS_REQUEST}
    return answer.status_code, body, headers


def test_no_id_is_left_out() -> None:
    """Every parameter in a path that a customer can ask for is a case above, or names a thing that is public."""
    with_parameter = {
        operation.operation_id
        for operation in every_operation().values()
        if operation in exposed_at("external") and "{" in operation.path
    }
    public = public_kinds()
    of_public_things = {
        operation.operation_id
        for operation in every_operation().values()
        if any(found.kind in public for found in ids_in(operation) if found.place == "path")
    }
    cases = {asked.operation.operation_id for asked in CASES}
    assert with_parameter <= cases | of_public_things
    assert {"get_buying_order", "get_payment", "end_session", "mark_notification_read"} <= cases
    assert "create_payment" in cases, "an id in a body is found as well"
    assert public <= {"prd", "loc", "cli"}, "a new kind of thing is public: is that meant?"
