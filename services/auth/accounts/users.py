"""Find, create and lock users."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from libs.chassis import clock, email_addresses
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import NotFound
from services.auth.accounts.tables import User
from services.auth.passwords import hashing
from services.auth.roles.tables import UserRole


def find_by_email(email: str) -> User | None:
    """Find the user with exactly this address; MariaDB's collation compares more loosely (é equals e).

    It makes one query whether or not there is one, so that a log-in takes as long; roles are loaded when needed.
    """
    address = email_addresses.normalize_for_lookup(email)
    user = session().scalar(select(User).where(User.email == address).options(lazyload(User.roles)))
    return user if user is not None and user.email == address else None


def get(user_id: str, kind: str, *, for_update: bool = False) -> User:
    """Get a user of `kind`; NotFound for a user of the other kind, too."""
    user = session().get(User, user_id, with_for_update=for_update)
    if user is None or user.kind != kind:
        raise NotFound
    return user


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
    email: str, password_hash: str, kind: str, roles: Iterable[str], *, state: str, **values: str | None
) -> User:
    """Insert a user with roles. With an empty password hash the user cannot log in yet.

    Raises:
        IntegrityError: the address already has an account.
    """
    values.setdefault("id", new_id("usr"))
    user = User(email=email, password_hash=password_hash, kind=kind, state=state, created_at=clock.now(), **values)
    user.roles = [UserRole(role=role) for role in roles]
    session().add(user)
    session().flush()
    return user
