"""Roles, as managers create, change and remove them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import exists, func, select

from libs.chassis import audit, etags
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.auth.accounts.tables import User
from services.auth.roles.permissions import require_holdable
from services.auth.roles.tables import Role, RolePermission, UserRole
from services.auth.sessions import revocation

ROLE_ADMINISTRATION = ("auth:roles:write", "auth:staff:write")


class RoleTaken(Conflict):
    slug, title = "role-taken", "There is already a role with this name"


class RoleInUse(Conflict):
    slug, title = "role-in-use", "This role cannot be removed"


class NoRoleAdministrator(Conflict):
    slug, title = "no-role-administrator", "Nobody would be left who can assign roles"


def get(name: str, *, for_update: bool = False) -> Role:
    role = session().get(Role, name, with_for_update=for_update)
    if role is None:
        raise NotFound
    return role


def create(name: str, description: str, permissions: Iterable[str]) -> Role:
    """Create a role of internal users; RoleTaken when there is one with this name."""
    if session().get(Role, name) is not None:
        raise RoleTaken("use another name")
    role = Role(name=name, kind="internal", description=description, is_built_in=False, version=1, permissions=[])
    session().add(role)
    _set_permissions(role, permissions)
    audit.record("create_role", f"/auth/v1/roles/{name}", after={"permissions": role.permission_names})
    return role


def update(name: str, description: str | None, permissions: Iterable[str] | None) -> Role:
    """Change a role; new permissions are effective from the next request of all users who have it."""
    role = get(name, for_update=True)
    etags.require_match(role.version)
    before = {"permissions": role.permission_names}
    if description is not None:
        role.description = description
    if permissions is not None:
        _set_permissions(role, permissions)
        require_role_administrator()
        revocation.invalidate_permissions()
    role.version += 1
    after = {"permissions": role.permission_names}
    audit.record("update_role", f"/auth/v1/roles/{name}", before, after)
    return role


def remove(name: str) -> None:
    """Remove a role; RoleInUse for a built-in role and for one that a user has."""
    role = get(name, for_update=True)
    if role.is_built_in:
        raise RoleInUse("it is built in")
    if session().scalar(select(exists().where(UserRole.role == name))):
        raise RoleInUse("remove it from all users first")
    audit.record("remove_role", f"/auth/v1/roles/{name}", before={"permissions": role.permission_names})
    session().delete(role)


def require_role_administrator() -> None:
    """Raise NoRoleAdministrator unless some active internal user has all permissions to assign roles.

    The roles are locked, so that the second of two concurrent changes sees the first one.
    """
    session().execute(select(Role.name).where(Role.kind == "internal").order_by(Role.name).with_for_update())
    administrators = (
        select(User.id)
        .join(UserRole, UserRole.user_id == User.id)
        .join(RolePermission, RolePermission.role == UserRole.role)
        .where(User.kind == "internal", User.state == "active", RolePermission.permission.in_(ROLE_ADMINISTRATION))
        .group_by(User.id)
        .having(func.count(RolePermission.permission.distinct()) == len(ROLE_ADMINISTRATION))
    )
    if session().scalar(administrators.limit(1)) is None:
        raise NoRoleAdministrator("give these permissions to another active user first")


def _set_permissions(role: Role, names: Iterable[str]) -> None:
    requested = list(names)
    require_holdable(requested, role.kind, "/permissions")
    existing = set(role.permission_names)
    role.permissions = [granted for granted in role.permissions if granted.permission in requested]
    role.permissions += [RolePermission(role=role.name, permission=name) for name in set(requested) - existing]
    session().flush()
