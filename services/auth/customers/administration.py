"""Customer accounts, as staff find, suspend and reset them (stories mf-eu-01 to mf-eu-03)."""

from __future__ import annotations

from sqlalchemy import Select, select

from libs.chassis import audit
from libs.chassis.problems import Conflict
from services.auth.accounts import users
from services.auth.accounts.tables import User
from services.auth.customers.rules import LIFECYCLE
from services.auth.passwords import changes
from services.auth.sessions import revocation


def select_customers(email: str | None, state: str | None) -> Select[User]:
    """Select the customers, filtered by exact address and by state where these are given."""
    customers = select(User).where(User.kind == "customer")
    if email is not None:
        match = users.find_by_email(email)
        customers = customers.where(User.id == (match.id if match else ""))
    return customers if state is None else customers.where(User.state == state)


def suspend(user_id: str, reason: str) -> User:
    """Block log-ins and revoke all sessions immediately. Suspending again replaces the reason."""
    user = users.get(user_id, "customer", for_update=True)
    before = {"state": user.state}
    user.state, user.suspension_reason = LIFECYCLE.apply(user.state, "suspend"), reason
    user.version += 1
    revocation.revoke_all(user, "suspended")
    after = {"state": user.state, "reason": reason}
    audit.record("suspend_customer", f"/auth/v1/customers/{user.id}", before, after)
    return user


def reinstate(user_id: str) -> User:
    """Let a suspended customer log in again."""
    user = users.get(user_id, "customer", for_update=True)
    before = {"state": user.state}
    user.state, user.suspension_reason = LIFECYCLE.apply(user.state, "reinstate"), None
    user.version += 1
    audit.record("reinstate_customer", f"/auth/v1/customers/{user.id}", before, {"state": user.state})
    return user


def reset_password(user_id: str) -> None:
    """Void the password, revoke all sessions and mail a link to set a new password."""
    user = users.get(user_id, "customer", for_update=True)
    if user.state != "active":
        raise Conflict(f"this account is {user.state}")
    changes.reset_by_staff(user)
    audit.record("reset_customer_password", f"/auth/v1/customers/{user.id}")
