"""Refresh sessions: rotation of refresh tokens and detection of their reuse (RFC 9700, 4.14.2)."""

from __future__ import annotations

from sqlalchemy import update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Unauthenticated
from services.auth import audit_trail
from services.auth.accounts.tables import User
from services.auth.notifications.sending import send_mail
from services.auth.sessions import issuing, replacement_tokens, revocation
from services.auth.sessions.issuing import IssuedTokens
from services.auth.sessions.rules import can_be_refreshed, is_within_grace_period
from services.auth.sessions.tables import RefreshToken, Session
from services.auth.tokens import opaque


class RefreshTokenNotValid(Unauthenticated):
    slug, title = "refresh-token-not-valid", "This refresh token is used, expired or unknown"


class RefreshTokenReused(RefreshTokenNotValid):
    """The session was revoked because of it; the caller must commit, although the request is rejected."""


def refresh(refresh_token: str, kind: str, client_id: str | None = None) -> IssuedTokens:
    """Exchange an unused refresh token of a session of `kind` and `client_id` for new tokens.

    Concurrent requests with the same token get the same new tokens for `REFRESH_GRACE_PERIOD`.

    Raises:
        RefreshTokenNotValid: the token is unknown or expired, or belongs to another client or kind of user.
        RefreshTokenReused: the token was used before; its session is revoked, whoever sent the token.
    """
    now = clock.now()
    token = session().get(RefreshToken, opaque.hash_token(refresh_token), with_for_update=True)
    auth_session = session().get(Session, token.session_id, populate_existing=True) if token else None
    user = auth_session.user if auth_session else None
    if token is None or auth_session is None or user is None:
        raise RefreshTokenNotValid("log in again")
    if user.kind != kind or auth_session.client_id != client_id:
        raise RefreshTokenNotValid("log in again")
    if token.used_at is not None:
        return _find_replacement(token, auth_session, user, refresh_token)
    if token.expires_at <= now or not can_be_refreshed(auth_session, now):
        raise RefreshTokenNotValid("log in again")
    return _rotate(token, auth_session, user, refresh_token)


def _rotate(token: RefreshToken, auth_session: Session, user: User, refresh_token: str) -> IssuedTokens:
    """Issue new tokens and store them, encrypted, until the next rotation of the session."""
    replaced = RefreshToken.session_id == auth_session.id, RefreshToken.replacement.is_not(None)
    session().execute(update(RefreshToken).where(*replaced).values(replacement=None))
    token.used_at = clock.now()
    replaced_token_hash = auth_session.token_hash
    tokens = issuing.issue_tokens(auth_session)
    token.replacement = replacement_tokens.encrypt(refresh_token, tokens.access_token, tokens.refresh_token)
    revocation.revoke_access_tokens([replaced_token_hash])
    audit_trail.record(user, "refresh_session", f"/auth/v1/sessions/{auth_session.id}")
    return tokens


def _find_replacement(token: RefreshToken, auth_session: Session, user: User, refresh_token: str) -> IssuedTokens:
    """Return the tokens that the first use of a refresh token got, to a request that was sent concurrently."""
    now = clock.now()
    pair = replacement_tokens.decrypt(refresh_token, token.replacement) if token.replacement else None
    if pair is None or not is_within_grace_period(token.used_at, now):
        if revocation.revoke_sessions(Session.id == auth_session.id):  # the token may have been stolen
            audit_trail.record(user, "refresh_token_reused", f"/auth/v1/sessions/{auth_session.id}")
            send_mail(user, "session-ended", f"reused-{auth_session.id}")
        raise RefreshTokenReused("it was used before, so its session was revoked; log in again")
    access_token, new_refresh_token = pair
    new_token = session().get(RefreshToken, opaque.hash_token(new_refresh_token))
    is_current = auth_session.token_hash == opaque.hash_token(access_token)
    if new_token is None or not is_current or not can_be_refreshed(auth_session, now):
        raise RefreshTokenNotValid("log in again")
    return IssuedTokens(auth_session, now, access_token, new_refresh_token, new_token.expires_at)
