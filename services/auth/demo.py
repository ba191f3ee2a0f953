"""The demo accounts."""

from __future__ import annotations

import uuid

from libs.chassis import clock
from libs.chassis.db import session, unit_of_work
from services.auth import accounts, passwords
from services.auth.models import User, UserRole

PASSWORD = "Reclothes-demo-1!"  # noqa: S105 the published password of the demo accounts
STAFF = {"manager": "manager", "employee": "employee", "deliveryman": "deliveryman"}
CUSTOMERS = {"donor": "Dona Donor", "buyer": "Bento Buyer", "buyer2": "Bia Buyer"}


def user_id(email: str) -> str:
    """The id of a demo account, the same on every machine."""
    return "usr_" + uuid.uuid5(uuid.NAMESPACE_URL, f"https://reclothes.example/users/{email}").hex


def load() -> None:
    """Add the demo accounts that are missing."""
    with unit_of_work():
        password_hash = passwords.hash_password(PASSWORD)
        for name, role in STAFF.items():
            hired = _add(f"{name}@reclothes.example", "internal", role, password_hash)
            if hired is not None:
                accounts.announce_staff(hired)
        for name, full_name in CUSTOMERS.items():
            added = _add(f"{name}@reclothes.example", "customer", "customer", password_hash)
            if added is not None:
                accounts.announce(added, full_name, ["terms"])


def _add(email: str, kind: str, role: str, password_hash: str) -> User | None:
    if accounts.find(email) is not None:
        return None
    user = User(
        id=user_id(email),
        kind=kind,
        email=email,
        password_hash=password_hash,
        state="active",
        created_at=clock.now(),
        full_name=email.partition("@")[0].title() if kind == "internal" else None,
        version=1,
        roles=[],
    )
    session().add(user)
    session().flush()
    user.roles = [UserRole(user_id=user.id, role=role)]
    return user
