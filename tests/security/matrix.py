"""The access matrix: what contracts and gateway-config declare for each cell, and whether a response conforms.

A cell is an entry point (one of the gateways, or the service itself), an operation, and a caller.
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
from tests.security.example_requests import all_operations, example, read_declaration
from tools.gateway.build import CONFIG_DIR, GATEWAYS
from tools.gateway.config import load_gateway
from tools.gateway.contracts import SECURITY_SCHEME, Operation
from tools.gateway.envoy.replies import REPLIES
from tools.gateway.model import Exposed

SERVICE = "service"  # the entry point at the port of the service itself
ENTRY_POINTS = (*GATEWAYS, SERVICE)
GATEWAY_DETAILS = {reply.detail for reply in REPLIES}

Outcome = Literal["accepted", 401, 403, 404, 405]


@dataclass(frozen=True)
class Expected:
    """The declared outcome; with 405 the methods that `Allow` must name."""

    outcome: Outcome
    allow: frozenset[str] = frozenset()


def list_cells() -> Iterator[tuple[str, Operation]]:
    """Each entry point with each operation, whether it is exposed there or not."""
    for entry_point in ENTRY_POINTS:
        for operation in all_operations().values():
            yield entry_point, operation


def expected(
    entry_point: str, operation: Operation, accepted_at: frozenset[str], scopes: frozenset[str]
) -> Expected:
    """The outcome for a caller whose token is accepted at `accepted_at` and has `scopes`."""
    needs_token = operation.needs_token
    if entry_point != SERVICE:
        routes = _routes(entry_point, example(operation).path)
        route = next((exposed for exposed in routes if exposed.operation.method == operation.method), None)
        if route is None:
            methods = frozenset(exposed.operation.method for exposed in routes)
            return Expected(405, methods) if routes else Expected(404)
        operation, needs_token = route.operation, route.needs_token
    if not needs_token:
        return Expected("accepted")
    if entry_point not in accepted_at:
        return Expected(401)
    return Expected("accepted" if _suffices(operation, scopes) else 403)


@lru_cache
def _by_path(gateway: str) -> list[tuple[re.Pattern[str], tuple[Exposed, ...]]]:
    """The exposed operations by a pattern of their path, in the order in which a gateway matches them."""
    patterns = []
    for path, exposed in load_gateway(gateway, CONFIG_DIR, all_operations()).by_path().items():
        parts = [re.escape(part) if "{" not in part else "[^/]+" for part in path.split("/")]
        patterns.append((re.compile("/".join(parts)), exposed))
    return patterns


def _routes(gateway: str, path: str) -> tuple[Exposed, ...]:
    """The operations that a gateway exposes at a path; a template of another operation may match it too."""
    return next((exposed for pattern, exposed in _by_path(gateway) if pattern.fullmatch(path)), ())


def _suffices(operation: Operation, scopes: frozenset[str]) -> bool:
    """Whether one of the requirements is met (OpenAPI 3.0.3, Security Requirement Object)."""
    requirements = read_declaration(operation).get("security", contract(operation.service).get("security"))
    return not requirements or any(set(requirement[SECURITY_SCHEME]) <= scopes for requirement in requirements)


def find_mismatch(
    expectation: Expected, entry_point: str, operation: Operation, response: httpx.Response
) -> str | None:
    """How the response differs from the declared outcome; None when it conforms."""
    if expectation.outcome == "accepted":
        return _why_not_accepted(operation, response)
    if response.status_code != expectation.outcome:
        return f"{expectation.outcome} is declared"
    if response.headers.get("content-type") != MEDIA_TYPE:
        return "it is not a problem document"
    if expectation.outcome == 401 and "www-authenticate" not in response.headers:
        return "it has no WWW-Authenticate (RFC 9110, 15.5.2)"
    if expectation.outcome == 405 and set(response.headers["allow"].split(", ")) != expectation.allow:
        return f"Allow should name {', '.join(sorted(expectation.allow))}"
    if expectation.outcome in (404, 405) and entry_point != SERVICE and _detail(response) not in GATEWAY_DETAILS:
        return "a service responded, though the gateway does not expose this"
    return None


def _why_not_accepted(operation: Operation, response: httpx.Response) -> str | None:
    """A request is accepted when the service executes it, or rejects it for a reason of its domain."""
    status = response.status_code
    if _detail(response) in GATEWAY_DETAILS:
        return "the gateway itself rejected a request that should be accepted"
    if status == 401 and operation.needs_token:
        return "a valid token is rejected"
    if status == 403 and _type(response) == f"{TYPE_BASE}forbidden":
        return "sufficient scopes are rejected"
    if status >= 500:
        return "the service failed"
    if str(status) not in set(map(str, read_declaration(operation)["responses"])):
        return "the contract does not declare this status"
    return None


def _problem(response: httpx.Response) -> dict[str, Any]:
    is_problem = response.headers.get("content-type") == MEDIA_TYPE
    document: dict[str, Any] = response.json() if is_problem else {}
    return document


def _detail(response: httpx.Response) -> str | None:
    return _problem(response).get("detail")


def _type(response: httpx.Response) -> str | None:
    return _problem(response).get("type")
