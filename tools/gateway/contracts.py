"""The operations of the contracts in `openapi/`, as far as the gateways need them."""

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
WELL_KNOWN = "/.well-known/"  # RFC 8615: paths that a standard defines


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
        """The path without the names of its parameters: two paths of one shape match the same requests."""
        return re.sub(r"\{[^}]*\}", "{}", self.path)


def load_contracts(directory: Path) -> dict[str, Operation]:
    """Return every operation of `<directory>/*.yaml` by operationId; GatewayConfigError when they are inconsistent.

    All scopes must be defined in `scopes.yaml`.
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
                problems.append(f"{file.name}: operationId {operation.operation_id} is not unique")
            same_shape = shapes.setdefault((operation.method, operation.shape), operation.operation_id)
            if same_shape != operation.operation_id:
                problems.append(
                    f"{file.name}: {operation.operation_id} has the same method and path as {same_shape}"
                )
            operations[operation.operation_id] = operation
            unknown = [scope for scope in operation.scopes if scope not in scopes]
            problems += [
                f"{file.name}: {operation.operation_id} requires the scope {scope}, which is not in {CATALOGUE}"
                for scope in unknown
            ]
    if not operations:
        problems.append("there is no contract with a path")
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
    # The folder also contains AsyncAPI and the list of scopes.
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
        return None, f"{where}: the path must begin with /{service}/"
    if not declared.get("operationId"):
        return None, f"{where}: has no operationId"
    security = declared.get("security", document.get("security"))
    if security is None:
        return None, f"{where}: has no security; a public operation needs an explicit `security: []`"
    if any(set(requirement) != {SECURITY_SCHEME} for requirement in security):
        return None, f"{where}: every security requirement must be {SECURITY_SCHEME} alone"
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
    """Return one contract with all references resolved."""
    from connexion.spec import Specification  # takes half a second, which Envoy's configuration does not need

    return dict(Specification.load(file))
