"""Accounts: registration and email verification (stories c-01, c-04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from libs.chassis import clock, email_addresses
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden, Unprocessable
from libs.chassis.system_settings import setting
from services.auth import messages, notifications, one_time_links, passwords, trail
from services.auth.models import User, UserRole
from services.auth.registry import registry
from services.auth.settings import auth_settings

VERIFICATION_HOURS = 24
VERIFY_EMAIL = "verify-email"
MAX_HASH_CHANGES = 5  # of one password while a log-in is in progress


class RegistrationClosed(Forbidden):
    slug, title = "registration-closed", "New accounts are not taken for now"


def find(email: str) -> User | None:
    """The user with exactly this address; a database may compare more loosely (é and e are one to MariaDB)."""
    spellings = _spellings(email)
    found = {user.email: user for user in session().scalars(select(User).where(User.email.in_(spellings)))}
    return next((found[spelling] for spelling in spellings if spelling in found), None)


def _spellings(email: str) -> list[str]:
    """The normal form, then the one that accounts have whose address was not converted yet."""
    return [email_addresses.normalize_for_lookup(email), email.strip().lower()]


@dataclass(frozen=True)
class Credentials:
    """What a log-in is compared with."""

    user_id: str
    password_hash: str


def find_credentials(email: str, kind: str) -> Credentials | None:
    """Those of a user of `kind` with exactly this address, by one query that costs the same when there is none."""
    spellings = _spellings(email)
    query = select(User.id, User.password_hash, User.email).where(User.email.in_(spellings), User.kind == kind)
    found = {row.email: Credentials(row.id, row.password_hash) for row in session().execute(query)}
    return next((found[spelling] for spelling in spellings if spelling in found), None)


def lock_matching(user: User, checked_hash: str, password: str) -> bool:
    """Lock an active user whose password, checked against `checked_hash` before, is still this one.

    Another log-in may have stored a new hash of the same password meanwhile. False when the password or the account
    is no longer valid. No lock is held while a password is hashed.
    """
    for _ in range(MAX_HASH_CHANGES):
        session().refresh(user, with_for_update=True)
        if user.state != "active" or user.password_hash == checked_hash:
            return user.state == "active"
        checked_hash = user.password_hash
        session().commit()
        if not checked_hash or not passwords.verify(checked_hash, password):
            return False
    return False


def register(email: str, password: str, full_name: str, purposes: Iterable[str], locale: str) -> None:
    """A new customer, or for a known address a mail that says so; the caller cannot tell which."""
    if not setting("auth.registration_open"):
        raise RegistrationClosed("try again later")
    consents = sorted(set(purposes))
    if "terms" not in consents:
        detail = "the purpose 'terms' is needed to open an account"
        raise Unprocessable(detail, errors=[{"pointer": "/consents", "detail": detail}])
    address = email_addresses.require_valid(email)
    passwords.refuse_weak(password, address)
    password_hash = passwords.hash_password(password)
    known = find(email)
    if known is None and _open_account(address, password_hash, full_name, consents, locale):
        return
    _write_to_owner(known or find(email), password_hash)


def _open_account(address: str, password_hash: str, full_name: str, consents: list[str], locale: str) -> bool:
    """False when somebody registered the address at the same moment."""
    try:
        with session().begin_nested():
            user = create_user(address, password_hash, "customer", ["customer"], state="unverified")
            user.locale = locale
    except IntegrityError:
        return False
    _send_verification(user)
    announce(user, full_name, consents)
    trail.record(user, "register_customer")
    return True


def _write_to_owner(user: User | None, password_hash: str) -> None:
    """What the owner of a known address is told; not more often than a few times an hour.

    Before the address is confirmed, nobody knows who of several asked: each link brings the password of its own
    registration, so whoever began with somebody else's address gains nothing by it.
    """
    if user is None or messages.too_many_to(user.email):
        return
    if user.state == "unverified":
        _send_verification(user, password_hash)
    else:
        notifications.send_mail(user, "already-registered", f"already-{new_id('ntf')}")


def create_user(
    email: str, password_hash: str, kind: str, roles: Iterable[str], *, state: str, full_name: str | None = None
) -> User:
    """A user row with its roles; IntegrityError for a known address. No password hash: none can log in yet."""
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


def announce(user: User, full_name: str, purposes: Iterable[str]) -> None:
    """Tell the customer domain, which keeps the profile."""
    granted_at = clock.rfc3339(user.created_at)
    data = {
        "user_id": user.id,
        "full_name": full_name,
        "consents": [{"purpose": purpose, "granted_at": granted_at} for purpose in purposes],
    }
    registry.publish("auth.user.registered.v1", subject=user.id, data=data)


def announce_staff(user: User) -> None:
    """Tell the admin domain of an internal user, whom it gives work."""
    names = sorted(assigned.role for assigned in user.roles)
    data = {"user_id": user.id, "full_name": user.full_name or "", "roles": names, "state": user.state}
    registry.publish("auth.staff.changed.v1", subject=user.id, data=data)


def _send_verification(user: User, password_hash: str | None = None) -> None:
    token = one_time_links.issue(user, VERIFY_EMAIL, VERIFICATION_HOURS, password_hash)
    link = f"{auth_settings().external_base_url}/verify-email#token={token}"
    facts = {"link": link, "hours": VERIFICATION_HOURS}
    notifications.send_mail(user, "verify-email", f"verify-{new_id('ntf')}", **facts)


def verify_email(token: str) -> None:
    """Use a verification link, once; LinkNotValid otherwise."""
    user, link = one_time_links.use(token, VERIFY_EMAIL, "ask for a new one by registering again")
    if user.state == "unverified":
        user.state = "active"
        user.password_hash = link.password_hash or user.password_hash
        trail.record(user, "verify_email")
