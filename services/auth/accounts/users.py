"""Find, create and lock users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from libs.chassis import clock, email_addresses
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.auth.accounts.tables import User
from services.auth.passwords import hashing
from services.auth.roles.tables import UserRole


@dataclass(frozen=True)
class Credentials:
    """What a log-in is compared with."""

    user_id: str
    password_hash: str


def find_by_email(email: str) -> User | None:
    """Find the user with exactly this address; MariaDB's collation compares more loosely (é equals e)."""
    address = email_addresses.normalize_for_lookup(email)
    matches = session().scalars(select(User).where(User.email == address))
    return next((user for user in matches if user.email == address), None)


def find_credentials(email: str, kind: str) -> Credentials | None:
    """Find the credentials of a user of `kind`, by one query that takes as long for an unknown address."""
    address = email_addresses.normalize_for_lookup(email)
    query = select(User.id, User.password_hash, User.email).where(User.email == address, User.kind == kind)
    rows = session().execute(query).all()
    return next((Credentials(row.id, row.password_hash) for row in rows if row.email == address), None)


def lock_if_password_unchanged(user: User, checked_hash: str, password: str) -> bool:
    """Lock an active user whose password is still the one that was checked against `checked_hash`.

    Return False when the account or the password is no longer valid. The password is checked again when another
    log-in has stored a new hash of it in the meantime.
    """
    session().refresh(user, with_for_update=True)
    if user.state != "active" or not user.password_hash:
        return False
    return user.password_hash == checked_hash or hashing.verify(user.password_hash, password)


def create_user(
    email: str, password_hash: str, kind: str, roles: Iterable[str], *, state: str, full_name: str | None = None
) -> User:
    """Insert a user with roles. With an empty password hash the user cannot log in yet.

    Raises:
        IntegrityError: the address already has an account.
    """
    user = User(
        id=new_id("usr"),
        kind=kind,
        email=email,
        password_hash=password_hash,
        state=state,
        created_at=clock.now(),
        full_name=full_name,
        version=1,
        roles=[],
    )
    session().add(user)
    session().flush()
    user.roles = [UserRole(user_id=user.id, role=role) for role in roles]
    session().flush()
    return user
