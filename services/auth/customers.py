"""Customer accounts as staff see and treat them (stories mf-eu-01 to mf-eu-03)."""

from __future__ import annotations

from sqlalchemy import Select, select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.auth import accounts, password_changes, sessions
from services.auth.models import User


def listed(email: str | None, state: str | None) -> Select[User]:
    """Customers, only the one with exactly this address and those in `state` where these are given."""
    found = select(User).where(User.kind == "customer")
    if email is not None:
        known = accounts.find(email)
        found = found.where(User.id == (known.id if known else ""))
    return found if state is None else found.where(User.state == state)


def read(user_id: str, *, for_update: bool = False) -> User:
    """A customer; NotFound for anybody else."""
    found = session().get(User, user_id, with_for_update=for_update)
    if found is None or found.kind != "customer":
        raise NotFound
    return found


def forbid(user_id: str, reason: str) -> User:
    """No log-in any more, and all tokens are dead at once; forbidding again changes the reason."""
    user = read(user_id, for_update=True)
    if user.state == "unverified":
        raise Conflict("the address of this account is not confirmed yet; nobody can log in to it")
    before = {"state": user.state}
    user.state, user.forbidden_reason = "forbidden", reason
    user.version += 1
    sessions.end_all(user, "forbidden")
    audit.record(
        "forbid_customer", f"/auth/v1/customers/{user.id}", before, {"state": user.state, "reason": reason}
    )
    return user


def resume(user_id: str) -> User:
    """Let a forbidden customer log in again."""
    user = read(user_id, for_update=True)
    if user.state != "forbidden":
        raise Conflict("this customer is not forbidden")
    user.state, user.forbidden_reason = "active", None
    user.version += 1
    audit.record("resume_customer", f"/auth/v1/customers/{user.id}", {"state": "forbidden"}, {"state": user.state})
    return user


def reset_password(user_id: str) -> None:
    """Void the password, end the sessions and mail a link."""
    user = read(user_id, for_update=True)
    if user.state != "active":
        raise Conflict(f"this account is {user.state}")
    password_changes.reset_for(user)
    audit.record("reset_customer_password", f"/auth/v1/customers/{user.id}")


def hint_of(email: str) -> str:
    """An address mostly hidden: enough to recognise it, too little to write to."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"
