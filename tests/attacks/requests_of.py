"""A request of each operation, made of the contract's own examples."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from libs.gateway.contracts import Operation
from tests.contract.documents import contract

PROPOSED_ID = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True)
class Request:
    """What a client sends but for its token: keyword arguments of httpx."""

    method: str
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)


@lru_cache
def declared(operation: Operation) -> dict[str, Any]:
    """The operation as its contract has it, every reference followed."""
    found: dict[str, Any] = contract(operation.service)["paths"][operation.path][operation.method.lower()]
    return found


def example_of(parameter: Mapping[str, Any]) -> Any:
    return parameter.get("example", parameter["schema"].get("example"))


def request_of(operation: Operation, ids: Mapping[str, str] | None = None) -> Request:
    """The request of the examples; `ids` take the place of parameters and of members of the body by their names."""
    chosen = ids or {}
    found = declared(operation)
    parameters = {one["name"]: one for one in found.get("parameters", ())}
    path = PROPOSED_ID.sub(
        lambda match: chosen.get(match[1], str(example_of(parameters[match[1]]))), operation.path
    )
    headers = {
        name: uuid.uuid4().hex if name == "Idempotency-Key" else str(example_of(one))
        for name, one in parameters.items()
        if one["in"] == "header"
    }
    query = {
        name: example_of(one) for name, one in parameters.items() if one["in"] == "query" and one.get("required")
    }
    return Request(operation.method, path, {"headers": headers, "params": query} | _body(found, chosen))


def _body(found: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    for media_type, content in found.get("requestBody", {}).get("content", {}).items():
        example = content["example"]
        if isinstance(example, dict):
            example = example | {name: value for name, value in chosen.items() if name in example}
        return {"data" if media_type.endswith("urlencoded") else "json": example}
    return {}
