"""Accounts: registration and email verification (stories c-01, c-04)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden, Gone, Unprocessable
from libs.chassis.system_settings import setting
from services.auth import mails, notifications, passwords, tokens
from services.auth.models import OneTimeToken, User, UserRole
from services.auth.registry import registry
from services.auth.settings import auth_settings

VERIFICATION_HOURS = 24
VERIFY_EMAIL = "verify-email"
MOST_MAILS_AN_HOUR = 5


class RegistrationClosed(Forbidden):
    slug, title = "registration-closed", "New accounts are not taken for now"


class LinkNotValid(Gone):
    slug, title = "link-not-valid", "This link is used, expired or unknown"


def normalized(email: str) -> str:
    """Addresses are compared without regard to case."""
    return email.strip().lower()


def find(email: str) -> User | None:
    """The user with exactly this address; a database may compare more loosely (é and e are one to MariaDB)."""
    address = normalized(email)
    found = session().scalar(select(User).where(User.email == address))
    return found if found is not None and found.email == address else None


def register(email: str, password: str, full_name: str, purposes: Iterable[str]) -> None:
    """A new customer, or for a known address a mail that says so; the caller cannot tell which."""
    if not setting("auth.registration_open"):
        raise RegistrationClosed("try again later")
    consents = sorted(set(purposes))
    if "terms" not in consents:
        detail = "the purpose 'terms' is needed to open an account"
        raise Unprocessable(detail, errors=[{"pointer": "/consents", "detail": detail}])
    address = normalized(email)
    passwords.refuse_weak(password, address)
    password_hash = passwords.hash_password(password)
    known = find(address)
    if known is None and _open_account(address, password_hash, full_name, consents):
        return
    _write_to_owner(known or find(address), password_hash)


def _open_account(address: str, password_hash: str, full_name: str, consents: list[str]) -> bool:
    """False when somebody registered the address at the same moment."""
    try:
        with session().begin_nested():
            user = create_user(address, password_hash, "customer", ["customer"], state="unverified")
    except IntegrityError:
        return False
    _send_verification(user)
    announce(user, full_name, consents)
    return True


def _write_to_owner(user: User | None, password_hash: str) -> None:
    """What the owner of a known address is told; not more often than a few times an hour.

    Before the address is confirmed, nobody knows who of several asked: each link brings the password of its own
    registration, so whoever began with somebody else's address gains nothing by it.
    """
    hour_ago = clock.now() - timedelta(hours=1)
    if user is None or mails.number_to(user.email, since=hour_ago) >= MOST_MAILS_AN_HOUR:
        return
    if user.state == "unverified":
        _send_verification(user, password_hash)
    else:
        notifications.send_mail(user, "already-registered", f"already-{new_id('ntf')}")


def create_user(email: str, password_hash: str, kind: str, roles: Iterable[str], *, state: str) -> User:
    """A user row with its roles; IntegrityError for a known address."""
    user = User(
        id=new_id("usr"),
        kind=kind,
        email=email,
        password_hash=password_hash,
        state=state,
        created_at=clock.now(),
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


def _send_verification(user: User, password_hash: str | None = None) -> None:
    token = tokens.new_one_time_token()
    session().add(
        OneTimeToken(
            token_hash=tokens.hash_of(token),
            user_id=user.id,
            purpose=VERIFY_EMAIL,
            expires_at=clock.now() + timedelta(hours=VERIFICATION_HOURS),
            password_hash=password_hash,
        )
    )
    link = f"{auth_settings().external_base_url}/verify-email#token={token}"
    facts = {"link": link, "hours": VERIFICATION_HOURS}
    notifications.send_mail(user, "verify-email", f"verify-{new_id('ntf')}", **facts)


def verify_email(token: str) -> None:
    """Use a verification link, once; LinkNotValid otherwise. The account's other links end with it."""
    moment = clock.now()
    open_links = update(OneTimeToken).where(OneTimeToken.purpose == VERIFY_EMAIL, OneTimeToken.used_at.is_(None))
    token_hash = tokens.hash_of(token)
    this_one = open_links.where(OneTimeToken.token_hash == token_hash, OneTimeToken.expires_at > moment)
    if session().execute(this_one.values(used_at=moment)).rowcount != 1:  # type: ignore[attr-defined]
        raise LinkNotValid("ask for a new one by registering again")
    link = session().get_one(OneTimeToken, token_hash)
    session().execute(open_links.where(OneTimeToken.user_id == link.user_id).values(used_at=moment))
    user = session().get_one(User, link.user_id, with_for_update=True)
    if user.state == "unverified":
        user.state = "active"
        user.password_hash = link.password_hash or user.password_hash
