"""The permissions: the scopes of the contracts, as `openapi/scopes.yaml` lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import select

from libs.chassis.db import session
from libs.chassis.problems import Unprocessable
from libs.chassis.settings import settings
from services.auth.accounts.tables import User
from services.auth.roles.tables import Role, RolePermission


@dataclass(frozen=True)
class Permission:
    """What a scope allows, and who can hold it: customer, internal, application, machine or service."""

    name: str
    description: str
    holders: tuple[str, ...]


def load_catalogue() -> dict[str, Permission]:
    """Return every permission by name, in the order of the file."""
    return _read(settings().contracts_dir / "scopes.yaml")


@cache
def _read(path: Path) -> dict[str, Permission]:
    return {
        name: Permission(name, entry["description"], tuple(entry["holders"]))
        for name, entry in yaml.safe_load(path.read_text()).items()
    }


def find_permissions(user: User) -> list[str]:
    """Return the sorted permissions of a user's roles. A role for the other kind of user grants none."""
    granted = select(RolePermission.permission).join(Role, Role.name == RolePermission.role)
    own = granted.where(Role.name.in_(user.role_names), Role.kind == user.kind)
    return sorted(session().scalars(own.distinct()))


def require_holdable(names: Iterable[str], holder: str, pointer: str) -> None:
    """Raise Unprocessable, with a pointer to each permission that does not exist or that `holder` cannot hold."""
    catalogue = load_catalogue()
    errors = []
    for position, name in enumerate(names):
        if name not in catalogue:
            errors.append({"pointer": f"{pointer}/{position}", "detail": f"there is no permission {name}"})
        elif holder not in catalogue[name].holders:
            errors.append({"pointer": f"{pointer}/{position}", "detail": f"{name} cannot be held by: {holder}"})
    if errors:
        raise Unprocessable(
            "some permissions cannot be granted; see /auth/v1/permissions for those that can", errors=errors[:20]
        )
