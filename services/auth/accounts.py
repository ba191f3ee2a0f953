"""Accounts: registration and email verification (stories c-01, c-04)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden, Gone, Unprocessable
from libs.chassis.system_settings import setting
from services.auth import notifications, passwords, tokens
from services.auth.models import OneTimeToken, User, UserRole
from services.auth.registry import registry
from services.auth.settings import auth_settings

VERIFICATION_HOURS = 24


class RegistrationClosed(Forbidden):
    slug, title = "registration-closed", "New accounts are not taken for now"


class LinkNotValid(Gone):
    slug, title = "link-not-valid", "This link is used, expired or unknown"


def normalized(email: str) -> str:
    """Addresses are compared without regard to case."""
    return email.strip().lower()


def find(email: str) -> User | None:
    return session().scalar(select(User).where(User.email == normalized(email)))


def register(email: str, password: str, full_name: str, purposes: Iterable[str]) -> None:
    """A new customer, or for a known address a mail that says so; the caller cannot tell which."""
    if not setting("auth.registration_open"):
        raise RegistrationClosed("try again later")
    consents = sorted(set(purposes))
    if "terms" not in consents:
        detail = "the purpose 'terms' is needed to open an account"
        raise Unprocessable(detail, errors=[{"pointer": "/consents", "detail": detail}])
    passwords.refuse_weak(password, normalized(email))
    password_hash = passwords.hash_password(password)
    known = find(email)
    if known is not None:
        notifications.send_mail(known, "already-registered", f"already-{new_id('ntf')}")
        return
    user = create_user(normalized(email), password_hash, "customer", ["customer"], state="unverified")
    _send_verification(user)
    announce(user, full_name, consents)


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


def _send_verification(user: User) -> None:
    token = tokens.new_one_time_token()
    session().add(
        OneTimeToken(
            token_hash=tokens.hash_of(token),
            user_id=user.id,
            purpose="verify-email",
            expires_at=clock.now() + timedelta(hours=VERIFICATION_HOURS),
        )
    )
    link = f"{auth_settings().external_base_url}/verify-email#token={token}"
    facts = {"link": link, "hours": VERIFICATION_HOURS}
    notifications.send_mail(user, "verify-email", f"verify-{user.id}", **facts)


def verify_email(token: str) -> None:
    """Use a verification link, once; LinkNotValid otherwise."""
    used = (
        update(OneTimeToken)
        .where(OneTimeToken.token_hash == tokens.hash_of(token))
        .where(OneTimeToken.purpose == "verify-email")
        .where(OneTimeToken.used_at.is_(None))
        .where(OneTimeToken.expires_at > clock.now())
    )
    if session().execute(used.values(used_at=clock.now())).rowcount != 1:  # type: ignore[attr-defined]
        raise LinkNotValid("ask for a new one by registering again")
    row = session().get_one(OneTimeToken, tokens.hash_of(token))
    unverified = update(User).where(User.id == row.user_id, User.state == "unverified")
    session().execute(unverified.values(state="active"))
