"""Sessions: log-in, log-out and what a token stands for (stories c-02, c-03, c-05 to c-12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from libs.chassis import clock
from libs.chassis.cache import RedisError
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden, NotFound, Unauthenticated, Unavailable
from services.auth import accounts, login_throttle, passwords, roles, session_cache, tokens
from services.auth.models import Session, User
from services.auth.settings import auth_settings

TOUCH_EVERY = timedelta(minutes=1)


class WrongCredentials(Unauthenticated):
    slug, title = "wrong-credentials", "User name or password is wrong"


class EmailNotVerified(Forbidden):
    slug, title = "email-not-verified", "The email address is not confirmed yet"


class AccountForbidden(Forbidden):
    slug, title = "account-forbidden", "This account is closed by ReClothes"


class SessionNotEndedEverywhere(Unavailable):
    slug, title = "log-out-not-complete", "The log-out is not complete yet"


@dataclass(frozen=True)
class LogIn:
    """A new session with its access token, which is told only this once."""

    session: Session
    access_token: str
    expires_in: int


def log_in(user_name: str, password: str, kind: str) -> LogIn:
    """Check the password and open a session for a user of `kind`; the same answer and time for an unknown user."""
    email = accounts.normalized(user_name)
    login_throttle.refuse_when_waiting(email)
    user = accounts.find(email)
    session().commit()  # no transaction is open while the password is hashed
    if user is None or user.kind != kind:
        passwords.verify_against_nobody(password)
        login_throttle.note_failure(email)
        raise WrongCredentials
    if not passwords.verify(user.password_hash, password):
        login_throttle.note_failure(email)
        raise WrongCredentials
    login_throttle.forget_failures(email)
    _refuse_inactive(user)
    _rehash_when_due(user, password)
    return _open(user)


def _refuse_inactive(user: User) -> None:
    if user.state == "unverified":
        raise EmailNotVerified("use the link in the mail that we sent")
    if user.state != "active":
        raise AccountForbidden("write to help@reclothes.example")


def _rehash_when_due(user: User, password: str) -> None:
    if passwords.needs_rehash(user.password_hash):
        new_hash = passwords.hash_password(password)
        session().execute(update(User).where(User.id == user.id).values(password_hash=new_hash))


def _open(user: User) -> LogIn:
    token = tokens.new_access_token()
    moment = clock.now()
    idle = auth_settings().session_idle_seconds
    opened = Session(
        id=new_id("ses"),
        user_id=user.id,
        user=user,
        token_hash=tokens.hash_of(token),
        created_at=moment,
        last_seen_at=moment,
        expires_at=moment + timedelta(seconds=auth_settings().session_absolute_seconds),
    )
    opened.user = session().merge(user, load=False)
    session().add(opened)
    return LogIn(opened, token, idle)


def own(session_id: str | None) -> Session:
    """A live session by its id; NotFound when it has ended."""
    found = session().get(Session, session_id)
    if found is None or found.revoked_at is not None:
        raise NotFound
    return found


def log_out(session_id: str | None) -> None:
    """End a session everywhere; SessionNotEndedEverywhere (503) asks for a repeat while ElastiCache is away."""
    found = session().get(Session, session_id)
    if found is None:
        return
    if found.revoked_at is None:
        found.revoked_at = clock.now()
    session().commit()
    try:
        session_cache.end(found.token_hash)
    except RedisError:
        raise SessionNotEndedEverywhere("repeat it in a moment") from None


@dataclass(frozen=True)
class LiveSession:
    """What a token stands for now."""

    session_id: str
    user_id: str
    kind: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


def load_live(token_hash: str) -> LiveSession | None:
    """The session of a token from the database, or None when it is unknown, ended, idle too long or forbidden."""
    found = session().scalar(select(Session).where(Session.token_hash == token_hash))
    if found is None or not _is_live(found):
        return None
    if clock.now() - found.last_seen_at > TOUCH_EVERY:
        found.last_seen_at = clock.now()
    names = tuple(sorted(assigned.role for assigned in found.user.roles))
    return LiveSession(found.id, found.user_id, found.user.kind, names, tuple(roles.scopes_of(found.user)))


def _is_live(found: Session) -> bool:
    idle_since = clock.now() - timedelta(seconds=auth_settings().session_idle_seconds)
    ended = found.revoked_at is not None or found.expires_at <= clock.now()
    return not ended and found.last_seen_at > idle_since and found.user.state == "active"
