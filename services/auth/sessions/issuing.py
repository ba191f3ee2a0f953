"""Open sessions and issue their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.auth.accounts.tables import User
from services.auth.oauth.tables import OAuthClient
from services.auth.sessions.rules import calculate_token_expiry
from services.auth.sessions.tables import RefreshToken, Session
from services.auth.settings import auth_settings
from services.auth.tokens import opaque


@dataclass(frozen=True)
class IssuedTokens:
    """The tokens of a session, which are returned only once. A service account has no refresh token."""

    session: Session
    issued_at: datetime
    access_token: str
    refresh_token: str = ""
    refresh_expires_at: datetime | None = None

    @property
    def expires_in(self) -> int:
        """Seconds until the access token expires."""
        return int((self.session.access_expires_at - self.issued_at).total_seconds())

    @property
    def refresh_expires_in(self) -> int:
        """Seconds until the refresh token expires."""
        return int(((self.refresh_expires_at or self.issued_at) - self.issued_at).total_seconds())


def open_session(
    user: User, user_agent: str = "", client: OAuthClient | None = None, scope: str | None = None
) -> IssuedTokens:
    """Open a session of a user at our own front ends, or of the application `client` with at most `scope`."""
    settings = auth_settings()
    lifetime = settings.customer_session_seconds if user.kind == "customer" else settings.staff_session_seconds
    auth_session = _create_session(lifetime, user=user, client=client, scope=scope, user_agent=user_agent[:200])
    return issue_tokens(auth_session)


def open_service_account_session(client: OAuthClient, scope: str) -> IssuedTokens:
    """Open a session of a service account, which opens another one instead of refreshing it."""
    auth_session = _create_session(auth_settings().access_seconds, client=client, scope=scope)
    return IssuedTokens(auth_session, clock.now(), _issue_access_token(auth_session))


def _create_session(lifetime: int, **values: object) -> Session:
    now, source_ip = clock.now(), audit.source_address.get()[:64]
    expires_at = now + timedelta(seconds=lifetime)
    return Session(id=new_id("ses"), created_at=now, expires_at=expires_at, source_ip=source_ip, **values)


def issue_tokens(auth_session: Session) -> IssuedTokens:
    """Issue an access token, which replaces the current one, and a refresh token."""
    now, access_token = clock.now(), _issue_access_token(auth_session)
    refresh_token = opaque.new_token(opaque.REFRESH_PREFIX)
    expires_at = calculate_token_expiry(now, auth_settings().customer_refresh_seconds, auth_session.expires_at)
    token_hash = opaque.hash_token(refresh_token)
    session().add(RefreshToken(token_hash=token_hash, session_id=auth_session.id, expires_at=expires_at))
    return IssuedTokens(auth_session, now, access_token, refresh_token, expires_at)


def _issue_access_token(auth_session: Session) -> str:
    now, access_token = clock.now(), opaque.new_token(opaque.ACCESS_PREFIX)
    auth_session.token_hash = opaque.hash_token(access_token)
    auth_session.last_seen_at = now
    auth_session.access_expires_at = calculate_token_expiry(
        now, auth_settings().access_seconds, auth_session.expires_at
    )
    session().add(auth_session)
    session().flush()
    return access_token
