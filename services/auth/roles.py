"""Roles and their permissions, which are the scopes of the contracts."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from services.auth.models import Role, RolePermission, User


def scopes_of(user: User) -> list[str]:
    """The permissions of all of a user's roles, sorted. A role of the other kind of people gives nothing."""
    names = [assigned.role for assigned in user.roles]
    found = select(RolePermission.permission).join(Role, Role.name == RolePermission.role)
    return sorted(session().scalars(found.where(Role.name.in_(names), Role.kind == user.kind).distinct()))
