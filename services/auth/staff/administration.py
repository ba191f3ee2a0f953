"""Internal users, as managers create, change and remove them (stories mf-iu-01, mf-iu-02)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, exists, select
from sqlalchemy.exc import IntegrityError

from libs.chassis import audit, email_addresses, etags
from libs.chassis.db import session
from libs.chassis.locales import DEFAULT_LOCALE
from libs.chassis.problems import Conflict, Unprocessable
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.passwords import changes
from services.auth.roles.administration import require_role_administrator
from services.auth.roles.tables import Role, UserRole
from services.auth.sessions import revocation
from services.auth.staff.events import publish_staff_changed
from services.auth.staff.rules import LIFECYCLE


class EmailTaken(Conflict):
    slug, title = "email-taken", "There is already an account with this email address"


class OwnAccount(Conflict):
    slug, title = "own-account", "You cannot remove your own account"


def select_staff(role: str | None, state: str | None) -> Select[User]:
    """Select the internal users, filtered by role and by state where these are given."""
    staff = select(User).where(User.kind == "internal")
    if role is not None:
        staff = staff.where(exists().where(UserRole.user_id == User.id, UserRole.role == role))
    return staff if state is None else staff.where(User.state == state)


def create(email: str, full_name: str, role_names: Iterable[str]) -> User:
    """Create an internal user, who sets the first password by a mailed link; EmailTaken for a known address."""
    names = _require_internal_roles(role_names)
    address = email_addresses.require_valid(email)
    if users.find_by_email(email) is not None:
        raise EmailTaken("use another address")
    try:
        with session().begin_nested():
            user = users.create_user(address, "", "internal", names, state=LIFECYCLE.initial, full_name=full_name)
    except IntegrityError:
        raise EmailTaken("use another address") from None
    changes.invite(user)
    publish_staff_changed(user)
    audit.record("create_staff_member", f"/auth/v1/staff/{user.id}", after={"roles": names})
    return user


def update(user_id: str, full_name: str | None, role_names: Iterable[str] | None) -> User:
    """Change the name or the roles; new roles are effective from the user's next request."""
    user = users.get(user_id, "internal", for_update=True)
    etags.require_match(user.version)
    before = user.role_names
    if full_name is not None:
        user.full_name = full_name
    if role_names is not None:
        names = _require_internal_roles(role_names)
        user.roles = [assigned for assigned in user.roles if assigned.role in names]
        user.roles += [UserRole(user_id=user.id, role=name) for name in names if name not in before]
        session().flush()
        require_role_administrator()
        revocation.invalidate_permissions()
    user.version += 1
    publish_staff_changed(user)
    after = {"roles": user.role_names, "name_changed": full_name is not None}
    audit.record("update_staff_member", f"/auth/v1/staff/{user.id}", {"roles": before}, after)
    return user


def remove(user_id: str, by: str) -> None:
    """Revoke all sessions and free the email address. The row stays, because audit entries refer to it."""
    user = users.get(user_id, "internal", for_update=True)
    if user.id == by:
        raise OwnAccount("ask another manager")
    if user.state == "removed":
        return
    before = user.role_names
    user.state, user.roles, user.password_hash = LIFECYCLE.apply(user.state, "remove"), [], ""
    user.email, user.locale = f"{user.id}@removed.invalid", DEFAULT_LOCALE
    user.version += 1
    session().flush()
    require_role_administrator()
    revocation.revoke_all(user, "removed")
    publish_staff_changed(user)
    audit.record("remove_staff_member", f"/auth/v1/staff/{user.id}", before={"roles": before})


def reset_password(user_id: str) -> None:
    """Void the password, revoke all sessions and mail a link to set a new password."""
    user = users.get(user_id, "internal", for_update=True)
    if user.state == "removed":
        raise Conflict("this user was removed")
    changes.reset_by_staff(user)
    audit.record("reset_staff_password", f"/auth/v1/staff/{user.id}")


def _require_internal_roles(role_names: Iterable[str]) -> list[str]:
    """Return the sorted names; Unprocessable when one is not a role of internal users."""
    names = sorted(set(role_names))
    existing = set(session().scalars(select(Role.name).where(Role.name.in_(names), Role.kind == "internal")))
    errors = [
        {"pointer": f"/roles/{position}", "detail": f"internal users have no role {name}"}
        for position, name in enumerate(role_names)
        if name not in existing
    ]
    if errors:
        raise Unprocessable("see /auth/v1/roles for the roles that exist", errors=errors)
    return names
