"""The contracts as the tests read them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from connexion.spec import Specification

CONTRACTS = Path(__file__).resolve().parents[2] / "openapi"
METHODS = ("get", "put", "post", "delete", "patch")


@lru_cache
def contract(name: str) -> dict[str, Any]:
    """A contract with all references resolved, as Connexion reads it."""
    return dict(Specification.load(CONTRACTS / f"{name}.yaml"))


@lru_cache
def written(name: str) -> dict[str, Any]:
    """A contract with its references."""
    document: dict[str, Any] = yaml.safe_load((CONTRACTS / f"{name}.yaml").read_text())
    return document


def operations(name: str) -> Iterator[dict[str, Any]]:
    yield from _operations(contract(name))


def written_operations(name: str) -> Iterator[dict[str, Any]]:
    yield from _operations(written(name))


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The operations, each with its `path` and `method` added."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield {**operation, "path": path, "method": method}


def schemas_in(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all schemas inside it, each with a pointer to it."""
    yield where, schema
    for name, inner in schema.get("properties", {}).items():
        yield from schemas_in(inner, f"{where}/{name}")
    if isinstance(schema.get("items"), dict):
        yield from schemas_in(schema["items"], f"{where}/*")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from schemas_in(schema["additionalProperties"], f"{where}/*")
