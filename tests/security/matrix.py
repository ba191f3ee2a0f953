"""What contracts and gateway-config declare for every cell of the access matrix, and how an answer is judged.

A cell is a place (one of the gateways, or the service itself), an operation, and a caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import httpx

from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tests.contract.documents import contract
from tests.security.requests import declared, every_operation, example
from tools.gateway.build import CONFIG_DIR, GATEWAYS
from tools.gateway.config import load_gateway
from tools.gateway.contracts import SECURITY_SCHEME, Operation
from tools.gateway.envoy.replies import REPLIES
from tools.gateway.model import Exposed

SERVICE = "service"  # the place where the service itself listens
PLACES = (*GATEWAYS, SERVICE)
OF_GATEWAY = {reply.detail for reply in REPLIES}

Answer = Literal["let in", 401, 403, 404, 405]


@dataclass(frozen=True)
class Expected:
    """The declared answer; with 405 the methods that `Allow` must name."""

    answer: Answer
    allow: frozenset[str] = frozenset()


def every_row() -> Iterator[tuple[str, Operation]]:
    """Each place with each operation, whether it is exposed there or not."""
    for place in PLACES:
        for operation in every_operation().values():
            yield place, operation


def expected(place: str, operation: Operation, good_at: frozenset[str], scopes: frozenset[str]) -> Expected:
    """What a caller gets whose token is good at `good_at` and carries `scopes`."""
    needs_token = operation.needs_token
    if place != SERVICE:
        routes = _routes(place, example(operation).path)
        route = next((one for one in routes if one.operation.method == operation.method), None)
        if route is None:
            methods = frozenset(one.operation.method for one in routes)
            return Expected(405, methods) if routes else Expected(404)
        operation, needs_token = route.operation, route.needs_token
    if not needs_token:
        return Expected("let in")
    if place not in good_at:
        return Expected(401)
    return Expected("let in" if _suffices(operation, scopes) else 403)


@lru_cache
def _by_path(gateway: str) -> list[tuple[re.Pattern[str], tuple[Exposed, ...]]]:
    """The exposed operations by a pattern of their path, in the order in which a gateway tries them."""
    found = []
    for path, exposed in load_gateway(gateway, CONFIG_DIR, every_operation()).by_path().items():
        parts = [re.escape(part) if "{" not in part else "[^/]+" for part in path.split("/")]
        found.append((re.compile("/".join(parts)), exposed))
    return found


def _routes(gateway: str, path: str) -> tuple[Exposed, ...]:
    """What a gateway exposes at a path: what the contracts call by another name may be reached there as well."""
    return next((exposed for pattern, exposed in _by_path(gateway) if pattern.fullmatch(path)), ())


def _suffices(operation: Operation, scopes: frozenset[str]) -> bool:
    """Whether one of the requirements is met (OpenAPI 3.0.3, Security Requirement Object)."""
    requirements = declared(operation).get("security", contract(operation.service).get("security"))
    return not requirements or any(set(one[SECURITY_SCHEME]) <= scopes for one in requirements)


def misfit(wanted: Expected, place: str, operation: Operation, answer: httpx.Response) -> str | None:
    """Why the answer is not the declared one; None when it is."""
    if wanted.answer == "let in":
        return _why_not_let_in(operation, answer)
    if answer.status_code != wanted.answer:
        return f"{wanted.answer} is declared"
    if answer.headers.get("content-type") != MEDIA_TYPE:
        return "it is no problem document"
    if wanted.answer == 401 and "www-authenticate" not in answer.headers:
        return "it has no WWW-Authenticate (RFC 9110, 15.5.2)"
    if wanted.answer == 405 and set(answer.headers["allow"].split(", ")) != wanted.allow:
        return f"Allow should name {', '.join(sorted(wanted.allow))}"
    if wanted.answer in (404, 405) and place != SERVICE and _detail(answer) not in OF_GATEWAY:
        return "a service was asked, though the gateway does not expose this"
    return None


def _why_not_let_in(operation: Operation, answer: httpx.Response) -> str | None:
    """A request is let in when the service does what it was asked, or says why not for a reason of its own."""
    status = answer.status_code
    if _detail(answer) in OF_GATEWAY:
        return "the gateway itself answered a request that should be let in"
    if status == 401 and operation.needs_token:
        return "a good token is refused"
    if status == 403 and _type(answer) == f"{TYPE_BASE}forbidden":
        return "scopes that suffice are refused"
    if status >= 500:
        return "the service failed"
    if str(status) not in {str(one) for one in declared(operation)["responses"]}:
        return "the contract does not declare this answer"
    return None


def _problem(answer: httpx.Response) -> dict[str, Any]:
    is_problem = answer.headers.get("content-type") == MEDIA_TYPE
    document: dict[str, Any] = answer.json() if is_problem else {}
    return document


def _detail(answer: httpx.Response) -> str | None:
    return _problem(answer).get("detail")


def _type(answer: httpx.Response) -> str | None:
    return _problem(answer).get("type")
