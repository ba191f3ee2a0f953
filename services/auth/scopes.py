"""The catalogue of permissions: `openapi/scopes.yaml`, which is also what the contracts may name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from libs.chassis.problems import Unprocessable
from libs.chassis.settings import settings


@dataclass(frozen=True)
class Permission:
    """A scope: what it lets one do, and who can hold it: customer, internal, application, machine or service."""

    name: str
    description: str
    holders: tuple[str, ...]


def catalogue() -> dict[str, Permission]:
    """Every permission by name, in the order of the file."""
    return _read(settings().contracts_dir / "scopes.yaml")


@lru_cache(maxsize=2)
def _read(path: Path) -> dict[str, Permission]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return {
        name: Permission(name, entry["description"], tuple(entry["holders"])) for name, entry in document.items()
    }


def refuse_unholdable(names: Iterable[str], holder: str, pointer: str) -> None:
    """Unprocessable, saying which, when there is no such permission or `holder` cannot have it."""
    known = catalogue()
    errors = []
    for position, name in enumerate(names):
        if name not in known:
            errors.append({"pointer": f"{pointer}/{position}", "detail": f"there is no permission {name}"})
        elif holder not in known[name].holders:
            errors.append({"pointer": f"{pointer}/{position}", "detail": f"{name} is not for this kind: {holder}"})
    if errors:
        raise Unprocessable("some permissions cannot be given; read /auth/v1/permissions", errors=errors[:20])
