"""The operations that the contracts in `openapi/` declare, as far as a gateway must know them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.gateway.errors import GatewayConfigError
from tools.project import read_yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SECURITY_SCHEME = "oauth2"
CATALOGUE = "scopes.yaml"
WELL_KNOWN = "/.well-known/"  # RFC 8615: what has its place by a standard


@dataclass(frozen=True)
class Operation:
    """One operation of one contract. `service` is the name of the contract's file, e.g. "shopping"."""

    operation_id: str
    service: str
    method: str
    path: str
    scopes: tuple[str, ...]
    needs_token: bool
    service_only: bool = False

    @property
    def shape(self) -> str:
        """The path without the names of its parameters: two paths of one shape cannot be told apart."""
        return re.sub(r"\{[^}]*\}", "{}", self.path)


def load_contracts(directory: Path) -> dict[str, Operation]:
    """Every operation of `<directory>/*.yaml` by operationId; raises GatewayConfigError when they do not fit.

    The scopes that they name are those of `scopes.yaml`; nobody could ever hold another one.
    """
    operations: dict[str, Operation] = {}
    problems: list[str] = []
    scopes = _scopes_of(directory)
    shapes: dict[tuple[str, str], str] = {}
    for file in sorted(directory.glob("*.yaml")):
        for operation, problem in _operations_of(file):
            if problem or operation is None:
                problems.append(f"{file.name}: {problem}")
                continue
            if operation.operation_id in operations:
                problems.append(f"{file.name}: operationId {operation.operation_id} is used twice")
            twin = shapes.setdefault((operation.method, operation.shape), operation.operation_id)
            if twin != operation.operation_id:
                problems.append(f"{file.name}: {operation.operation_id} has the method and path of {twin}")
            operations[operation.operation_id] = operation
            unknown = [scope for scope in operation.scopes if scope not in scopes]
            problems += [
                f"{file.name}: {operation.operation_id} asks for the scope {scope}, which {CATALOGUE} does not have"
                for scope in unknown
            ]
    if not operations:
        problems.append("there is no contract with a path in it")
    if problems:
        raise GatewayConfigError(str(directory), problems)
    return operations


def _scopes_of(directory: Path) -> Mapping[str, Any]:
    try:
        document = read_yaml(directory / CATALOGUE)
    except OSError as error:
        raise GatewayConfigError(str(directory), [f"cannot read {CATALOGUE}: {error.strerror}"]) from error
    return document if isinstance(document, Mapping) else {}


def _operations_of(file: Path) -> Iterator[tuple[Operation | None, str | None]]:
    document = read_yaml(file)
    # AsyncAPI and the list of scopes stand in the same folder.
    if not isinstance(document, Mapping) or "openapi" not in document:
        return
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            if method in item:
                yield _operation(file.stem, document, method, path, item[method])


def _operation(
    service: str, document: Mapping[str, Any], method: str, path: str, declared: Mapping[str, Any]
) -> tuple[Operation | None, str | None]:
    where = f"{method.upper()} {path}"
    if not path.startswith((f"/{service}/", WELL_KNOWN)):
        return None, f"{where}: the path does not begin with /{service}/"
    if not declared.get("operationId"):
        return None, f"{where}: no operationId"
    security = declared.get("security", document.get("security"))
    if security is None:
        return None, f"{where}: says nothing of security; public is an explicit `security: []`"
    if any(set(requirement) != {SECURITY_SCHEME} for requirement in security):
        return None, f"{where}: every security requirement must be {SECURITY_SCHEME} and nothing else"
    scopes = {scope for requirement in security for scope in requirement[SECURITY_SCHEME]}
    operation = Operation(
        operation_id=declared["operationId"],
        service=service,
        method=method.upper(),
        path=path,
        scopes=tuple(sorted(scopes)),
        needs_token=bool(security),
        service_only=bool(declared.get("x-service-only", False)),
    )
    return operation, None


def read_contract(file: Path) -> dict[str, Any]:
    """One contract with every reference followed."""
    from connexion.spec import Specification  # half a second that Envoy's configuration does not need

    return dict(Specification.load(file))
