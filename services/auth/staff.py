"""Internal users: created, changed and removed by a manager (stories mf-iu-01, mf-iu-02)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, exists, select
from sqlalchemy.exc import IntegrityError

from libs.chassis import audit, email_addresses, etags
from libs.chassis.db import session
from libs.chassis.locales import DEFAULT_LOCALE
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.auth import accounts, password_changes, revocations, roles, sessions
from services.auth.models import Role, User, UserRole


class AddressTaken(Conflict):
    slug, title = "address-taken", "There is an account with this address"


class OwnAccount(Conflict):
    slug, title = "own-account", "That cannot be done to oneself"


def listed(role: str | None, state: str | None) -> Select[User]:
    """Internal users, only those with `role` and in `state` where these are given."""
    found = select(User).where(User.kind == "internal")
    if role is not None:
        found = found.where(exists().where(UserRole.user_id == User.id, UserRole.role == role))
    return found if state is None else found.where(User.state == state)


def read(user_id: str, *, for_update: bool = False) -> User:
    """An internal user; NotFound for anybody else."""
    found = session().get(User, user_id, with_for_update=for_update)
    if found is None or found.kind != "internal":
        raise NotFound
    return found


def create(email: str, full_name: str, role_names: Iterable[str]) -> User:
    """An internal user who sets the first password by a mailed link; AddressTaken, or Unprocessable for a role."""
    names = _known(role_names)
    address = email_addresses.require_valid(email)
    if accounts.find(email) is not None:
        raise AddressTaken("use another address")
    try:
        with session().begin_nested():
            user = accounts.create_user(address, "", "internal", names, state="invited", full_name=full_name)
    except IntegrityError:
        raise AddressTaken("use another address") from None
    password_changes.invite(user)
    accounts.announce_staff(user)
    audit.record("create_staff_member", f"/auth/v1/staff/{user.id}", after={"roles": names})
    return user


def change(user_id: str, full_name: str | None, role_names: Iterable[str] | None) -> User:
    """Change name or roles; new roles are in force on the next exchange."""
    user = read(user_id, for_update=True)
    etags.require_match(user.version)
    before = _roles_of(user)
    if full_name is not None:
        user.full_name = full_name
    if role_names is not None:
        names = _known(role_names)
        user.roles = [assigned for assigned in user.roles if assigned.role in names]
        user.roles += [UserRole(user_id=user.id, role=name) for name in names if name not in before]
        session().flush()
        roles.refuse_lockout()
        revocations.permissions_changed()
    user.version += 1
    accounts.announce_staff(user)
    audit.record(
        "update_staff_member",
        f"/auth/v1/staff/{user.id}",
        before={"roles": before},
        after={"roles": _roles_of(user), "name_changed": full_name is not None},
    )
    return user


def remove(user_id: str, by: str) -> None:
    """End all sessions and free the address; the row stays, since the audit trail names it."""
    user = read(user_id, for_update=True)
    if user.id == by:
        raise OwnAccount("ask another manager")
    if user.state == "removed":
        return
    before = _roles_of(user)
    user.state, user.roles, user.password_hash = "removed", [], ""
    user.email, user.locale = f"{user.id}@removed.invalid", DEFAULT_LOCALE
    user.version += 1
    session().flush()
    roles.refuse_lockout()
    sessions.end_all(user, "removed")
    accounts.announce_staff(user)
    audit.record("remove_staff_member", f"/auth/v1/staff/{user.id}", before={"roles": before})


def reset_password(user_id: str) -> None:
    """Void the password and mail a link; Conflict for who was removed."""
    user = read(user_id, for_update=True)
    if user.state == "removed":
        raise Conflict("this user was removed")
    password_changes.reset_for(user)
    audit.record("reset_staff_password", f"/auth/v1/staff/{user.id}")


def _known(role_names: Iterable[str]) -> list[str]:
    names = sorted(set(role_names))
    known = set(session().scalars(select(Role.name).where(Role.name.in_(names), Role.kind == "internal")))
    errors = [
        {"pointer": f"/roles/{position}", "detail": f"there is no role {name} of internal users"}
        for position, name in enumerate(role_names)
        if name not in known
    ]
    if errors:
        raise Unprocessable("read /auth/v1/roles", errors=errors)
    return names


def _roles_of(user: User) -> list[str]:
    return sorted(assigned.role for assigned in user.roles)
