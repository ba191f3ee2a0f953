"""Sessions: log-in, log-out and what a token stands for (stories c-02, c-03, c-05 to c-12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import audit, clock, logs
from libs.chassis.cache import RedisError
from libs.chassis.db import session, unit_of_work
from libs.chassis.ids import new_id
from libs.chassis.problems import Forbidden, NotFound, Unauthenticated, Unavailable
from libs.chassis.security import Principal, use_principal
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
    login_throttle.count_try(kind, email)
    user = accounts.find(email)
    session().commit()  # no transaction is open while the password is hashed
    if user is None or user.kind != kind:
        passwords.verify_against_nobody(password)
        raise WrongCredentials
    if not passwords.verify(user.password_hash, password):
        raise WrongCredentials
    login_throttle.forget_failures(kind, email)
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
    opened = Session(
        id=new_id("ses"),
        user=user,
        token_hash=tokens.hash_of(token),
        created_at=moment,
        last_seen_at=moment,
        expires_at=moment + timedelta(seconds=auth_settings().session_absolute_seconds),
    )
    session().add(opened)
    if user.kind == "internal":
        _record_log_in(opened)
    return LogIn(opened, token, auth_settings().session_idle_seconds)


def _record_log_in(opened: Session) -> None:
    """All that staff do is in the audit trail (domain rule 6), also this, before there is a token."""
    names = frozenset(assigned.role for assigned in opened.user.roles)
    with use_principal(Principal(opened.user.id, "internal", names)):
        audit.record("log_in_staff", f"/auth/v1/sessions/{opened.id}")


def own(session_id: str | None) -> Session:
    """A live session by its id; NotFound when it has ended."""
    found = session().get(Session, session_id)
    if found is None or not _is_live(found):
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
    """What a token stands for now, and until when at most. `is_idle`: its last use is to be noted again."""

    session_id: str
    user_id: str
    kind: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    ends_at: datetime
    is_idle: bool


def load_live(token_hash: str) -> LiveSession | None:
    """The session of a token from the database, or None when it is unknown, ended, idle too long or forbidden."""
    found = session().scalar(select(Session).where(Session.token_hash == token_hash))
    if found is None or not _is_live(found):
        return None
    return LiveSession(
        found.id,
        found.user_id,
        found.user.kind,
        tuple(sorted(assigned.role for assigned in found.user.roles)),
        tuple(roles.scopes_of(found.user)),
        found.expires_at,
        clock.now() - found.last_seen_at > TOUCH_EVERY,
    )


def touch(session_id: str) -> None:
    """Note that a session is in use. It is no loss when that fails: the next load notes it."""
    try:
        with unit_of_work() as db:
            db.execute(update(Session).where(Session.id == session_id).values(last_seen_at=clock.now()))
    except SQLAlchemyError as error:
        logs.get_logger(__name__).warning("last use not noted", reason=type(error).__name__)


def _is_live(found: Session) -> bool:
    ended = found.revoked_at is not None or found.expires_at <= clock.now()
    idle_since = clock.now() - timedelta(seconds=auth_settings().session_idle_seconds)
    return not ended and found.last_seen_at > idle_since and found.user.state == "active"
