"""The access matrix: each caller gets exactly the declared outcome for each operation at each entry point.

The entry points are both gateways and the services themselves. The declared outcome is computed from openapi/ and
gateway-config/, and the scopes of roles are read from the running platform. No operation is listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tests.security.callers import Caller
from tests.security.example_requests import example
from tests.security.matrix import ENTRY_POINTS, SERVICE, Expected, expected, find_mismatch, list_cells
from tools.gateway.build import GATEWAYS, read_gateway
from tools.gateway.contracts import Operation
from tools.gateway.envoy.replies import REPLIES
from tools.project import CONTRACTS

Clients = dict[tuple[str, str], httpx.Client]
THREADS = 4
ROWS = list(list_cells())
NAMES = [f"{entry_point}-{operation.operation_id}" for entry_point, operation in ROWS]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


@pytest.mark.parametrize(("entry_point", "operation"), ROWS, ids=NAMES)
def test_each_caller_gets_the_declared_outcome(
    entry_point: str,
    operation: Operation,
    callers: list[Caller],
    clients: Clients,
    pool: ThreadPoolExecutor,
    record_property: Callable[[str, object], None],
) -> None:
    client = clients[entry_point, operation.service]
    tested = [caller for caller in callers if entry_point in caller.tested_at]
    expectations = [expected(entry_point, operation, caller.accepted_at, caller.scopes) for caller in tested]
    mismatches = [
        mismatch
        for mismatch in pool.map(partial(send_request, client, entry_point, operation), tested, expectations)
        if mismatch
    ]
    record_property("cells of the access matrix", len(tested))
    assert not mismatches, "\n".join(mismatches)


def send_request(
    client: httpx.Client, entry_point: str, operation: Operation, caller: Caller, expectation: Expected
) -> str | None:
    """Test one cell; return a sentence when the response differs from the declared outcome."""
    authorization = caller.authorization(
        ends_session=expectation.outcome == "accepted" and may_end_session(operation)
    )
    response = example(operation).send(client, authorization)
    reason = find_mismatch(expectation, entry_point, operation, response)
    if reason is None:
        return None
    cell = f"{caller.name} at {entry_point}, {operation.method} {operation.path}"
    request_id = response.headers.get("x-request-id")
    return f"{cell}: {response.status_code}, but {reason} (request id {request_id}): {response.text[:300]}"


def may_end_session(operation: Operation) -> bool:
    return operation.service == "auth" and operation.needs_token and operation.method != "GET"


def test_the_matrix_has_all_operations() -> None:
    """Read the operations from the text of the contracts, independently of the code of the matrix."""
    text = "".join(file.read_text() for file in CONTRACTS.glob("*.yaml") if file.name != "asyncapi.yaml")
    names = re.findall(r"^ +operationId: (\w+)$", text, re.MULTILINE)
    assert len(names) > 80
    assert sorted(NAMES) == sorted(f"{entry_point}-{name}" for entry_point in ENTRY_POINTS for name in names)
    for gateway in GATEWAYS:
        assert {exposed.operation.operation_id for exposed in read_gateway(gateway).exposed} <= set(names)


# The comparison itself: each kind of mismatch is detected.

OPERATIONS = {operation.operation_id: operation for _, operation in ROWS}
WITHOUT_TOKEN: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def fake_response(status: int, slug: str = "", detail: str = "", **headers: str) -> httpx.Response:
    if not slug:
        return httpx.Response(status, json={}, headers=headers)
    body = {"type": TYPE_BASE + slug, "title": slug, "status": status, "detail": detail}
    return httpx.Response(status, json=body, headers=headers | {"content-type": MEDIA_TYPE})


def test_a_missing_authentication_is_detected() -> None:
    profile = OPERATIONS["get_profile"]
    unauthenticated = expected("external", profile, *WITHOUT_TOKEN)
    assert unauthenticated == Expected(401)
    for wrong in (200, 403, 404, 500):
        assert find_mismatch(unauthenticated, "external", profile, fake_response(wrong, "forbidden"))
    assert find_mismatch(unauthenticated, "external", profile, fake_response(401, "unauthenticated"))
    right = fake_response(401, "unauthenticated", **{"www-authenticate": "Bearer"})
    assert find_mismatch(unauthenticated, "external", profile, right) is None


def test_a_missing_scope_check_is_detected() -> None:
    everywhere = frozenset(ENTRY_POINTS)
    profile = OPERATIONS["get_profile"]
    forbidden = expected("external", profile, everywhere, frozenset({"shopping:cart"}))
    assert forbidden == Expected(403)
    assert find_mismatch(forbidden, "external", profile, fake_response(200))
    accepted = expected("external", profile, everywhere, frozenset({"customer:profile"}))
    assert accepted == Expected("accepted")
    assert find_mismatch(accepted, "external", profile, fake_response(403, "forbidden"))
    assert find_mismatch(accepted, "external", profile, fake_response(401, "unauthenticated"))
    assert find_mismatch(accepted, "external", profile, fake_response(503, "unavailable"))
    assert find_mismatch(accepted, "external", profile, fake_response(418))
    assert find_mismatch(accepted, "external", profile, fake_response(200)) is None


def test_a_404_of_a_service_does_not_count_as_one_of_the_gateway() -> None:
    inventory = OPERATIONS["list_inventory"]
    hidden = expected("external", inventory, *WITHOUT_TOKEN)
    assert hidden == Expected(404)
    assert find_mismatch(hidden, "external", inventory, fake_response(404, "not-found", "Not found"))
    assert find_mismatch(hidden, "external", inventory, fake_response(200))
    [detail] = [reply.detail for reply in REPLIES if reply.status == 404]
    by_gateway = fake_response(404, "not-found", detail)
    assert find_mismatch(hidden, "external", inventory, by_gateway) is None
    assert find_mismatch(Expected("accepted"), "external", inventory, by_gateway)
    assert expected(SERVICE, inventory, *WITHOUT_TOKEN) == Expected(401)


def test_a_public_operation_is_accepted_where_it_is_exposed() -> None:
    """It needs its own credential instead of a token."""
    item = OPERATIONS["put_anonymous_cart_item"]
    assert example(item).headers["Cart-Token"].startswith("rcc_")
    for entry_point in ("external", SERVICE):
        assert expected(entry_point, item, *WITHOUT_TOKEN) == Expected("accepted")
    assert expected("internal", item, *WITHOUT_TOKEN) == Expected(404)
    assert find_mismatch(
        Expected("accepted"), "external", item, fake_response(401, "unauthenticated", **{"www-authenticate": "B"})
    )
    assert find_mismatch(Expected("accepted"), "external", item, fake_response(404, "product-not-found")) is None
    merging = OPERATIONS["merge_cart"]
    assert expected("external", merging, *WITHOUT_TOKEN) == Expected(401)
    assert expected("external", merging, frozenset(ENTRY_POINTS), frozenset({"customer:profile"})) == Expected(403)
