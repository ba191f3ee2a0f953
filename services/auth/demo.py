"""The demo accounts."""

from __future__ import annotations

import uuid

from libs.chassis.db import unit_of_work
from services.auth.accounts import users
from services.auth.accounts.events import publish_registered
from services.auth.accounts.tables import User
from services.auth.passwords import hashing
from services.auth.staff.events import publish_staff_changed

PASSWORD = "Reclothes-demo-1!"  # noqa: S105 the published password of the demo accounts
STAFF_ROLES = ("manager", "employee", "deliveryman")
CUSTOMERS = {"donor": "Dona Donor", "buyer": "Bento Buyer", "buyer2": "Bia Buyer"}


def user_id(email: str) -> str:
    """Return the id of a demo account, which is the same on every machine."""
    return "usr_" + uuid.uuid5(uuid.NAMESPACE_URL, f"https://reclothes.example/users/{email}").hex


def load() -> None:
    """Create the demo accounts that do not exist yet."""
    with unit_of_work():
        password_hash = hashing.hash_password(PASSWORD)
        for role in STAFF_ROLES:
            if employee := _create(role, "internal", role, password_hash, full_name=role.title()):
                publish_staff_changed(employee)
        for name, full_name in CUSTOMERS.items():
            if customer := _create(name, "customer", "customer", password_hash):
                publish_registered(customer, full_name, ["terms"])


def _create(name: str, kind: str, role: str, password_hash: str, full_name: str | None = None) -> User | None:
    email = f"{name}@reclothes.example"
    if users.find_by_email(email) is not None:
        return None
    return users.create_user(
        email, password_hash, kind, [role], state="active", id=user_id(email), full_name=full_name
    )
