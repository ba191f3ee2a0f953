"""Access to the synthesized templates for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from infra.synth import OUT

Resource = dict[str, Any]


def full_name(environment: str, stack: str) -> str:
    """The name of a stack, by its end."""
    return stack if stack.startswith("ReClothes-") else f"ReClothes-{environment}-{stack}"


@cache
def template(environment: str, stack: str) -> dict[str, Any]:
    """The template of one stack, by the end of its name."""
    found: dict[str, Any] = json.loads(
        (OUT / environment / f"{full_name(environment, stack)}.template.json").read_text()
    )
    return found


@cache
def templates(environment: str) -> dict[str, dict[str, Any]]:
    """All templates of an environment, by the name of the stack."""
    files = sorted((OUT / environment).glob("*.template.json"))
    return {file.name.removesuffix(".template.json"): json.loads(file.read_text()) for file in files}


def of_type(environment: str, kind: str) -> Iterator[tuple[str, Resource]]:
    """Every resource of a type with where it stands, e.g. ("ReClothes-dev-names/Zone…", {"Type": …})."""
    for stack, found in templates(environment).items():
        for id_, resource in found["Resources"].items():
            if resource["Type"] == kind:
                yield f"{stack}/{id_}", resource


def properties(environment: str, kind: str) -> dict[str, Resource]:
    """The properties of every resource of a type."""
    return {where: resource.get("Properties", {}) for where, resource in of_type(environment, kind)}
