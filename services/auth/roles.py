"""Roles and their permissions, which are the scopes of the contracts; managers change them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import exists, func, select

from libs.chassis import audit, etags
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.auth import revocations, scopes
from services.auth.models import Role, RolePermission, User, UserRole

GIVES_ROLES = ("auth:roles:write", "auth:staff:write")


class RoleTaken(Conflict):
    slug, title = "role-taken", "There is a role with this name"


class RoleInUse(Conflict):
    slug, title = "role-in-use", "This role cannot be removed"


class NobodyLeft(Conflict):
    slug, title = "nobody-left", "Nobody would be left who can give roles"


def scopes_of(user: User) -> list[str]:
    """The permissions of all of a user's roles, sorted. A role of the other kind of people gives nothing."""
    names = [assigned.role for assigned in user.roles]
    found = select(RolePermission.permission).join(Role, Role.name == RolePermission.role)
    return sorted(session().scalars(found.where(Role.name.in_(names), Role.kind == user.kind).distinct()))


def read(name: str, *, for_update: bool = False) -> Role:
    found = session().get(Role, name, with_for_update=for_update)
    if found is None:
        raise NotFound
    return found


def create(name: str, description: str, permissions: Iterable[str]) -> Role:
    """A role of internal users; RoleTaken, or Unprocessable for a permission that they cannot hold."""
    if session().get(Role, name) is not None:
        raise RoleTaken("use another name")
    role = Role(name=name, kind="internal", description=description, is_built_in=False, version=1, permissions=[])
    session().add(role)
    _set_permissions(role, permissions)
    audit.record("create_role", f"/auth/v1/roles/{name}", after={"permissions": permissions_of(role)})
    return role


def change(name: str, description: str | None, permissions: Iterable[str] | None) -> Role:
    """Change a role; in force on the next exchange of everybody who has it."""
    role = read(name, for_update=True)
    etags.require_match(role.version)
    before = permissions_of(role)
    role.description = role.description if description is None else description
    if permissions is not None:
        _set_permissions(role, permissions)
        refuse_lockout()
        revocations.permissions_changed()
    role.version += 1
    after = {"permissions": permissions_of(role)}
    audit.record("update_role", f"/auth/v1/roles/{name}", {"permissions": before}, after)
    return role


def remove(name: str) -> None:
    """Remove a role that nobody has; RoleInUse otherwise, and for a built-in one."""
    role = read(name, for_update=True)
    if role.is_built_in:
        raise RoleInUse("it is built in")
    if session().scalar(select(exists().where(UserRole.role == name))):
        raise RoleInUse("somebody has it; take it from them first")
    audit.record("remove_role", f"/auth/v1/roles/{name}", before={"permissions": permissions_of(role)})
    session().delete(role)


def refuse_lockout() -> None:
    """NobodyLeft unless somebody who can log in has, by their roles, all it takes to give roles.

    The roles are locked, so that of two changes at the same moment the second sees what the first did.
    """
    session().execute(select(Role.name).where(Role.kind == "internal").order_by(Role.name).with_for_update())
    holders = (
        select(User.id)
        .join(UserRole, UserRole.user_id == User.id)
        .join(RolePermission, RolePermission.role == UserRole.role)
        .where(User.kind == "internal", User.state == "active", RolePermission.permission.in_(GIVES_ROLES))
        .group_by(User.id)
        .having(func.count(RolePermission.permission.distinct()) == len(GIVES_ROLES))
    )
    if session().scalar(holders.limit(1)) is None:
        raise NobodyLeft("give the permissions to another active user first")


def permissions_of(role: Role) -> list[str]:
    return sorted(granted.permission for granted in role.permissions)


def _set_permissions(role: Role, names: Iterable[str]) -> None:
    wanted = list(names)
    scopes.refuse_unholdable(wanted, role.kind, "/permissions")
    known = {granted.permission for granted in role.permissions}
    role.permissions = [granted for granted in role.permissions if granted.permission in wanted]
    role.permissions += [RolePermission(role=role.name, permission=name) for name in set(wanted) - known]
    session().flush()
