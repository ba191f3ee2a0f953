"""A valid request of each operation, built from the examples in its contract."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx

from libs.chassis.idempotency import HEADER as IDEMPOTENCY_KEY
from tests.contract.documents import contract
from tools.gateway.contracts import Operation, load_contracts
from tools.project import CONTRACTS


@lru_cache
def all_operations() -> dict[str, Operation]:
    """All operations of all contracts by operationId."""
    return load_contracts(CONTRACTS)


def read_declaration(operation: Operation) -> dict[str, Any]:
    """The operation in the contract, with all references resolved."""
    declaration: dict[str, Any] = contract(operation.service)["paths"][operation.path][operation.method.lower()]
    return declaration


def read_example(parameter: Mapping[str, Any]) -> Any:
    """The example of a parameter. Raises KeyError when the contract has none."""
    return parameter["example"] if "example" in parameter else parameter["schema"]["example"]


@dataclass(frozen=True)
class Example:
    """A request of one operation, whose ids may be replaced."""

    operation: Operation
    path_values: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    media_type: str | None = None
    body: Any = None
    needs_key: bool = field(default=False)

    @property
    def path(self) -> str:
        return re.sub(r"\{([^}]*)\}", lambda match: str(self.path_values[match.group(1)]), self.operation.path)

    def send(self, client: httpx.Client, authorization: str | None) -> httpx.Response:
        """Send the request, with an Authorization header if one is given."""
        headers = dict(self.headers)
        if self.needs_key:
            headers[IDEMPOTENCY_KEY] = str(uuid.uuid4())
        if authorization is not None:
            headers["Authorization"] = authorization
        content: dict[str, Any] = {}
        if self.media_type == "application/x-www-form-urlencoded":
            content = {"data": self.body}
        elif self.media_type is not None:
            content = {"json": self.body}
        return client.request(self.operation.method, self.path, params=self.query, headers=headers, **content)


@lru_cache
def example(operation: Operation) -> Example:
    """The example request of the contract, with required parameters only."""
    declaration = read_declaration(operation)
    required = [parameter for parameter in declaration.get("parameters", ()) if parameter.get("required")]
    headers = {
        parameter["name"]: str(read_example(parameter)) for parameter in required if parameter["in"] == "header"
    }
    needs_key = headers.pop(IDEMPOTENCY_KEY, None) is not None
    media_type, body = _body(declaration)
    return Example(
        operation,
        {parameter["name"]: str(read_example(parameter)) for parameter in required if parameter["in"] == "path"},
        {parameter["name"]: str(read_example(parameter)) for parameter in required if parameter["in"] == "query"},
        headers,
        media_type,
        body,
        needs_key,
    )


def _body(declaration: Mapping[str, Any]) -> tuple[str | None, Any]:
    if "requestBody" not in declaration:
        return None, None
    media_type, content = next(iter(declaration["requestBody"]["content"].items()))
    if "example" in content:
        return media_type, content["example"]
    if "examples" in content:
        return media_type, next(iter(content["examples"].values()))["value"]
    return media_type, content["schema"]["example"]
