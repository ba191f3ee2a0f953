"""The access matrix: for every operation, everybody gets exactly the declared answer everywhere.

The places are both gateways and the service itself. What is declared is computed from openapi/ and gateway-config/,
what a role may do is read from the running platform. Nothing about an operation is written here.
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
from tests.security.matrix import PLACES, SERVICE, Expected, every_row, expected, misfit
from tests.security.requests import example
from tools.gateway.build import GATEWAYS, read_gateway
from tools.gateway.contracts import Operation
from tools.project import CONTRACTS

Clients = dict[tuple[str, str], httpx.Client]
AT_ONCE = 4
ROWS = list(every_row())
NAMES = [f"{place}-{operation.operation_id}" for place, operation in ROWS]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


@pytest.mark.parametrize(("place", "operation"), ROWS, ids=NAMES)
def test_everybody_gets_the_declared_answer(
    place: str,
    operation: Operation,
    callers: list[Caller],
    clients: Clients,
    pool: ThreadPoolExecutor,
    record_property: Callable[[str, object], None],
) -> None:
    client = clients[place, operation.service]
    asking = [caller for caller in callers if place in caller.asks_at]
    wanted = [expected(place, operation, caller.good_at, caller.scopes) for caller in asking]
    wrong = [found for found in pool.map(partial(ask, client, place, operation), asking, wanted) if found]
    record_property("cells of the access matrix", len(asking))
    assert not wrong, "\n".join(wrong)


def ask(client: httpx.Client, place: str, operation: Operation, caller: Caller, wanted: Expected) -> str | None:
    """Ask for one cell; a sentence when the answer is not the declared one."""
    authorization = caller.authorization(ends_session=wanted.answer == "let in" and may_end_session(operation))
    answer = example(operation).send(client, authorization)
    reason = misfit(wanted, place, operation, answer)
    if reason is None:
        return None
    return (
        f"{caller.name} at {place}, {operation.method} {operation.path}: answered {answer.status_code}, but "
        f"{reason} (request id {answer.headers.get('x-request-id')}): {answer.text[:300]}"
    )


def may_end_session(operation: Operation) -> bool:
    return operation.service == "auth" and operation.needs_token and operation.method != "GET"


def test_no_operation_is_left_out() -> None:
    """Counted in the files as they are written, by no code that the matrix uses."""
    written = "".join(file.read_text() for file in CONTRACTS.glob("*.yaml") if file.name != "asyncapi.yaml")
    names = re.findall(r"^ +operationId: (\w+)$", written, re.MULTILINE)
    assert len(names) > 80
    assert sorted(NAMES) == sorted(f"{place}-{name}" for place in PLACES for name in names)
    for gateway in GATEWAYS:
        assert {exposed.operation.operation_id for exposed in read_gateway(gateway).exposed} <= set(names)


# The judge itself: each kind of wrong answer is noticed.

KNOWN = {operation.operation_id: operation for _, operation in ROWS}
ANYBODY: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def answer(status: int, slug: str = "", detail: str = "", **headers: str) -> httpx.Response:
    if not slug:
        return httpx.Response(status, json={}, headers=headers)
    body = {"type": TYPE_BASE + slug, "title": slug, "status": status, "detail": detail}
    return httpx.Response(status, json=body, headers=headers | {"content-type": MEDIA_TYPE})


def test_a_door_that_should_be_shut_is_noticed() -> None:
    profile = KNOWN["get_profile"]
    shut = expected("external", profile, *ANYBODY)
    assert shut == Expected(401)
    for wrong in (200, 403, 404, 500):
        assert misfit(shut, "external", profile, answer(wrong, "forbidden"))
    assert misfit(shut, "external", profile, answer(401, "unauthenticated"))
    right = answer(401, "unauthenticated", **{"www-authenticate": "Bearer"})
    assert misfit(shut, "external", profile, right) is None


def test_a_scope_that_is_missing_is_noticed() -> None:
    everywhere = frozenset(PLACES)
    profile = KNOWN["get_profile"]
    lacking = expected("external", profile, everywhere, frozenset({"shopping:cart"}))
    assert lacking == Expected(403)
    assert misfit(lacking, "external", profile, answer(200))
    having = expected("external", profile, everywhere, frozenset({"customer:profile"}))
    assert having == Expected("let in")
    assert misfit(having, "external", profile, answer(403, "forbidden"))
    assert misfit(having, "external", profile, answer(401, "unauthenticated"))
    assert misfit(having, "external", profile, answer(503, "unavailable"))
    assert misfit(having, "external", profile, answer(418))
    assert misfit(having, "external", profile, answer(200)) is None


def test_what_is_not_exposed_is_told_from_what_is_not_there() -> None:
    inventory = KNOWN["list_inventory"]
    hidden = expected("external", inventory, *ANYBODY)
    assert hidden == Expected(404)
    assert misfit(hidden, "external", inventory, answer(404, "not-found", "There is no such thing"))
    assert misfit(hidden, "external", inventory, answer(200))
    by_gateway = answer(404, "not-found", "This gateway knows no such path.")
    assert misfit(hidden, "external", inventory, by_gateway) is None
    assert misfit(Expected("let in"), "external", inventory, by_gateway)
    assert expected(SERVICE, inventory, *ANYBODY) == Expected(401)


def test_an_operation_that_is_open_lets_everybody_in_where_it_is_exposed() -> None:
    """With what it asks for instead of a token, and nowhere else."""
    item = KNOWN["put_anonymous_cart_item"]
    assert example(item).headers["Cart-Token"].startswith("rcc_")
    for place in ("external", SERVICE):
        assert expected(place, item, *ANYBODY) == Expected("let in")
    assert expected("internal", item, *ANYBODY) == Expected(404)
    assert misfit(Expected("let in"), "external", item, answer(401, "unauthenticated", **{"www-authenticate": "B"}))
    assert misfit(Expected("let in"), "external", item, answer(404, "product-not-found")) is None
    merging = KNOWN["merge_cart"]
    assert expected("external", merging, *ANYBODY) == Expected(401)
    assert expected("external", merging, frozenset(PLACES), frozenset({"customer:profile"})) == Expected(403)
