"""Open sessions and issue their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.auth.accounts.tables import User
from services.auth.oauth.tables import OAuthClient
from services.auth.sessions.rules import token_expiry
from services.auth.sessions.tables import RefreshToken, Session
from services.auth.settings import auth_settings
from services.auth.tokens import opaque


@dataclass(frozen=True)
class IssuedTokens:
    """The tokens of a session, which are returned only once, and their lifetimes in seconds."""

    session: Session
    access_token: str
    expires_in: int
    refresh_token: str | None
    refresh_expires_in: int


def open_session(
    user: User, user_agent: str = "", client: OAuthClient | None = None, scope: str | None = None
) -> IssuedTokens:
    """Open a session of a user at our own front ends, or of the application `client` with at most `scope`."""
    settings = auth_settings()
    lifetime = settings.customer_session_seconds if user.kind == "customer" else settings.staff_session_seconds
    opened = _create_session(user, client, scope, lifetime, user_agent)
    return issue_tokens(opened)


def open_service_account_session(client: OAuthClient, scope: str) -> IssuedTokens:
    """Open a session of a service account; it has no refresh token, a new session takes its place."""
    opened = _create_session(None, client, scope, auth_settings().access_seconds, "")
    return issue_tokens(opened, with_refresh_token=False)


def _create_session(
    user: User | None, client: OAuthClient | None, scope: str | None, lifetime: int, user_agent: str
) -> Session:
    now = clock.now()
    return Session(
        id=new_id("ses"),
        user=user,
        client=client,
        scope=scope,
        created_at=now,
        expires_at=now + timedelta(seconds=lifetime),
        user_agent=user_agent[:200],
        source_ip=audit.source_address.get()[:64],
    )


def issue_tokens(found: Session, *, with_refresh_token: bool = True) -> IssuedTokens:
    """Issue new tokens for the session; the current access token is replaced."""
    now, settings = clock.now(), auth_settings()
    access_token = opaque.new_token(opaque.ACCESS_PREFIX)
    found.token_hash = opaque.hash_token(access_token)
    found.last_seen_at = now
    found.access_expires_at = token_expiry(now, settings.access_seconds, found.expires_at)
    session().add(found)
    session().flush()
    refresh_token, refresh_expires_at = None, now
    if with_refresh_token:
        refresh_token = opaque.new_token(opaque.REFRESH_PREFIX)
        refresh_expires_at = token_expiry(now, settings.customer_refresh_seconds, found.expires_at)
        session().add(
            RefreshToken(
                token_hash=opaque.hash_token(refresh_token),
                session_id=found.id,
                expires_at=refresh_expires_at,
                used_at=None,
            )
        )
    expires_in, refresh_expires_in = (
        int((expiry - now).total_seconds()) for expiry in (found.access_expires_at, refresh_expires_at)
    )
    return IssuedTokens(found, access_token, expires_in, refresh_token, refresh_expires_in)
