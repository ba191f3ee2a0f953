"""Sessions: what tokens stand for, how they are renewed, and how they end (stories c-02 to c-12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from libs.chassis import audit, clock, logs
from libs.chassis.db import session, unit_of_work
from libs.chassis.ids import new_id
from libs.chassis.problems import NotFound, Unauthenticated
from services.auth import notifications, revocations, roles, successors, tokens, trail
from services.auth.models import AuthorizationCode, OAuthClient, RefreshToken, Session, User
from services.auth.settings import auth_settings

TOUCH_EVERY = timedelta(minutes=1)
GATEWAY_OF_KIND = {"customer": "external", "internal": "internal"}


class RefreshTokenNotValid(Unauthenticated):
    slug, title = "refresh-token-not-valid", "This refresh token is used, expired or unknown"


@dataclass(frozen=True)
class Tokens:
    """A session with its new tokens, which are told only this once, and their lives in seconds."""

    session: Session
    access_token: str
    expires_in: int
    refresh_token: str | None
    refresh_expires_in: int


def open_for(
    user: User, user_agent: str = "", client: OAuthClient | None = None, scope: str | None = None
) -> Tokens:
    """A session of a person: at our own front ends, or of the application `client` with at most `scope`."""
    life = auth_settings().staff_session_seconds
    if user.kind == "customer":
        life = auth_settings().customer_session_seconds
    return _open(user, client, scope, life, user_agent, renewable=True)


def open_for_client(client: OAuthClient, scope: str) -> Tokens:
    """A session of a service account, which gets a new one instead of renewing it."""
    return _open(None, client, scope, auth_settings().access_seconds, "", renewable=False)


def _open(
    user: User | None, client: OAuthClient | None, scope: str | None, life: int, user_agent: str, renewable: bool
) -> Tokens:
    moment = clock.now()
    opened = Session(
        id=new_id("ses"),
        user=user,
        client=client,
        scope=scope,
        created_at=moment,
        expires_at=moment + timedelta(seconds=life),
        user_agent=user_agent[:200],
        source_ip=audit.source_address.get()[:64],
    )
    return _give_tokens(opened, renewable)


def _give_tokens(of: Session, renewable: bool) -> Tokens:
    """New tokens in the place of the session's present ones."""
    moment, chosen = clock.now(), auth_settings()
    access_token = tokens.new_token(tokens.ACCESS_PREFIX)
    of.token_hash = tokens.hash_of(access_token)
    of.last_seen_at = moment
    of.access_expires_at = end_of(moment, chosen.access_seconds, of.expires_at)
    session().add(of)
    session().flush()
    refresh_token, refresh_until = None, moment
    if renewable:
        refresh_token = tokens.new_token(tokens.REFRESH_PREFIX)
        refresh_until = end_of(moment, chosen.customer_refresh_seconds, of.expires_at)
        session().add(
            RefreshToken(
                token_hash=tokens.hash_of(refresh_token), session_id=of.id, expires_at=refresh_until, used_at=None
            )
        )
    lives = [int((end - moment).total_seconds()) for end in (of.access_expires_at, refresh_until)]
    return Tokens(of, access_token, lives[0], refresh_token, lives[1])


def end_of(now: datetime, seconds: int, session_end: datetime) -> datetime:
    """When a token of this life ends; none outlives its session."""
    return min(now + timedelta(seconds=seconds), session_end)


def renew(refresh_token: str, kind: str, client_id: str | None = None) -> Tokens:
    """New tokens for an unused refresh token of a live session of `kind` and `client_id`; the old ones are dead.

    Requests with the same token within `successors.GRACE` get the same tokens. A token that is used again later
    ends its session, whoever sent it (RFC 9700, 4.14.2).
    """
    moment = clock.now()
    token_hash = tokens.hash_of(refresh_token)
    unused = update(RefreshToken).where(RefreshToken.token_hash == token_hash, RefreshToken.used_at.is_(None))
    is_first_use = session().execute(unused.values(used_at=moment)).rowcount == 1  # type: ignore[attr-defined]
    known = session().get(RefreshToken, token_hash, populate_existing=True)
    found = session().get(Session, known.session_id, populate_existing=True) if known else None
    if known is None or found is None or found.user is None:
        raise RefreshTokenNotValid("log in again")
    if found.user.kind != kind or found.client_id != client_id:
        raise RefreshTokenNotValid("log in again")  # the token of another front end is left as it was
    if not is_first_use:
        return _same_successor(known, found, refresh_token)
    if known.expires_at <= moment or not is_open(found):
        raise RefreshTokenNotValid("log in again")
    return _rotate(known, found, refresh_token)


def _rotate(used: RefreshToken, found: Session, refresh_token: str) -> Tokens:
    """Replace the tokens of a session; its older successors are erased."""
    old_token_hash = found.token_hash
    older = update(RefreshToken).where(RefreshToken.session_id == found.id, RefreshToken.successor.is_not(None))
    session().execute(older.values(successor=None))
    renewed = _give_tokens(found, renewable=True)
    used.successor = successors.seal(refresh_token, renewed.access_token, str(renewed.refresh_token))
    revocations.end_tokens([old_token_hash])
    trail.record(found.user, "refresh_session", f"/auth/v1/sessions/{found.id}")
    return renewed


def _same_successor(used: RefreshToken, found: Session, refresh_token: str) -> Tokens:
    """The tokens that the first use got, for a simultaneous request; RefreshTokenNotValid for any later one."""
    moment = clock.now()
    pair = successors.unseal(refresh_token, used.successor) if used.successor else None
    if pair is None or not successors.is_within_grace(used.used_at, moment):
        _end_as_stolen(found)
        raise RefreshTokenNotValid("it was used before, so the whole session is ended; log in again")
    access_token, refresh_successor = pair
    following = session().get(RefreshToken, tokens.hash_of(refresh_successor))
    if following is None or found.token_hash != tokens.hash_of(access_token) or not is_open(found):
        raise RefreshTokenNotValid("log in again")
    lives = [int((end - moment).total_seconds()) for end in (found.access_expires_at, following.expires_at)]
    return Tokens(found, access_token, lives[0], refresh_successor, lives[1])


def _end_as_stolen(found: Session) -> None:
    """Somebody else may have the tokens. This is kept although the request itself is refused."""
    session_id, user_id = found.id, found.user_id
    session().rollback()  # no other transaction is open then
    with unit_of_work():
        if revocations.end_sessions(Session.id == session_id):
            user = session().get_one(User, user_id)
            trail.record(user, "refresh_token_reused", f"/auth/v1/sessions/{session_id}")
            notifications.send_mail(user, "session-ended", f"reused-{session_id}")


def own(session_id: str | None) -> Session:
    """A live session by its id; NotFound when it has ended."""
    found = session().get(Session, session_id)
    if found is None or not is_live(found):
        raise NotFound
    return found


def live_ones(user_id: str) -> Select[Session]:
    """The sessions of a person that can still be used or renewed."""
    return select(Session).where(
        Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > clock.now()
    )


def log_out(session_id: str | None) -> None:
    """End a session everywhere; one that has ended already is no error."""
    found = session().get(Session, session_id)
    if found is not None and revocations.end_sessions(Session.id == session_id) and found.user is not None:
        trail.record(found.user, "log_out", f"/auth/v1/sessions/{session_id}")


def end_one(user_id: str, session_id: str) -> None:
    """End one of a person's own sessions; NotFound for anybody else's."""
    found = session().scalar(live_ones(user_id).where(Session.id == session_id))
    if found is None:
        raise NotFound
    log_out(session_id)


def end_all(user: User, reason: str, but: str | None = None) -> None:
    """End every session of a person, except `but`; codes that applications have not used yet are void."""
    other = [Session.id != but] if but else []
    codes = delete(AuthorizationCode).where(AuthorizationCode.user_id == user.id)
    session().execute(codes.where(AuthorizationCode.session_id.is_(None)))
    if revocations.end_sessions(Session.user_id == user.id, *other):
        trail.record(user, "sessions_ended", after={"reason": reason})


@dataclass(frozen=True)
class LiveSession:
    """What a token stands for now, and until when at most. `is_idle`: its last use is to be noted again."""

    session_id: str
    subject: str
    kind: str
    gateway: str
    client_id: str | None
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    ends_at: datetime
    is_idle: bool


def load_live(token_hash: str) -> LiveSession | None:
    """The session of a token from the database, or None when it is unknown, ended, idle too long or forbidden."""
    found = session().scalar(select(Session).where(Session.token_hash == token_hash))
    if found is None or not is_live(found):
        return None
    user, client = found.user, found.client
    return LiveSession(
        found.id,
        user.id if user else str(found.client_id),
        user.kind if user else "machine",
        GATEWAY_OF_KIND[user.kind] if user else (client.gateway if client else ""),
        found.client_id,
        tuple(sorted(assigned.role for assigned in user.roles)) if user else (),
        scopes_of(found),
        min(found.expires_at, found.access_expires_at),
        clock.now() - found.last_seen_at > TOUCH_EVERY,
    )


def scopes_of(found: Session) -> tuple[str, ...]:
    """What the token lets one do now: never more than the person, the application and the consent allow."""
    return allowed_scopes(
        roles.scopes_of(found.user) if found.user else None,
        found.client.scopes if found.client else None,
        found.scope.split() if found.scope is not None else None,
    )


def allowed_scopes(*bounds: Iterable[str] | None) -> tuple[str, ...]:
    """What all of the bounds allow, sorted; None is no bound, and without any bound nothing is allowed."""
    given = [set(bound) for bound in bounds if bound is not None]
    return tuple(sorted(set.intersection(*given))) if given else ()


def touch(session_id: str) -> None:
    """Note that a session is in use. It is no loss when that fails: the next load notes it."""
    try:
        with unit_of_work() as db:
            db.execute(update(Session).where(Session.id == session_id).values(last_seen_at=clock.now()))
    except SQLAlchemyError as error:
        logs.get_logger(__name__).warning("last use not noted", reason=type(error).__name__)


def is_open(found: Session) -> bool:
    """Whether it can be renewed: it has not ended, and whoever it is for may still come."""
    ended = found.revoked_at is not None or found.expires_at <= clock.now()
    removed = found.client is not None and found.client.removed_at is not None
    return not (ended or removed) and (found.user is None or found.user.state == "active")


def is_live(found: Session) -> bool:
    """Whether its access token can be used."""
    moment = clock.now()
    idle_since = moment - timedelta(seconds=auth_settings().access_idle_seconds)
    return is_open(found) and found.access_expires_at > moment and found.last_seen_at > idle_since
