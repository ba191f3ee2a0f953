"""The roles that ReClothes starts with; from then on they are rows that a manager changes."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis.db import session
from services.auth.models import Role, RolePermission, User

_EMPLOYEE = frozenset(
    {
        "auth:session",
        "auth:notifications",
        "shopping:products:read",
        "shopping:products:write",
        "admin:packing-orders",
        "customer:buying-orders:monitor",
        "locker:boxes:read",
    }
)
_MANAGER = _EMPLOYEE | {
    "shopping:prices:write",
    "shopping:products:publish",
    "admin:settings:read",
    "admin:settings:write",
    "admin:audit:read",
    "locker:boxes:write",
}
FIRST_ROLES: dict[str, tuple[str, frozenset[str]]] = {
    "customer": (
        "customer",
        frozenset(
            {
                "auth:session",
                "auth:notifications",
                "customer:profile",
                "customer:buying-orders",
                "shopping:cart",
                "billing:payments",
            }
        ),
    ),
    "employee": ("internal", _EMPLOYEE),
    "manager": ("internal", _MANAGER),
    "deliveryman": ("internal", frozenset({"auth:session", "auth:notifications"})),
}


def ensure_first_roles() -> None:
    """Add the first roles that are missing; roles that are there keep what a manager made of them."""
    db = session()
    known = set(db.scalars(select(Role.name)))
    for name, (kind, permissions) in FIRST_ROLES.items():
        if name not in known:
            db.add(Role(name=name, kind=kind))
            db.flush()
            db.add_all(RolePermission(role=name, permission=scope) for scope in sorted(permissions))


def scopes_of(user: User) -> list[str]:
    """The permissions of all of a user's roles, sorted."""
    roles = [assigned.role for assigned in user.roles]
    found = select(RolePermission.permission).where(RolePermission.role.in_(roles)).distinct()
    return sorted(session().scalars(found))
