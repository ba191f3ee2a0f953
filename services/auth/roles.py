"""Roles and their permissions, which are the scopes of the contracts."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from services.auth.models import RolePermission, User


def scopes_of(user: User) -> list[str]:
    """The permissions of all of a user's roles, sorted."""
    roles = [assigned.role for assigned in user.roles]
    found = select(RolePermission.permission).where(RolePermission.role.in_(roles)).distinct()
    return sorted(session().scalars(found))
