"""Refresh sessions: rotation of refresh tokens and detection of their reuse (RFC 9700, 4.14.2)."""

from __future__ import annotations

from sqlalchemy import update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.problems import Unauthenticated
from services.auth import audit_trail
from services.auth.notifications import sending
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
    found = session().get(Session, token.session_id, populate_existing=True) if token else None
    if token is None or found is None or found.user is None:
        raise RefreshTokenNotValid("log in again")
    if found.user.kind != kind or found.client_id != client_id:
        raise RefreshTokenNotValid("log in again")
    if token.used_at is not None:
        return _find_replacement(token, found, refresh_token)
    if token.expires_at <= now or not can_be_refreshed(found, now):
        raise RefreshTokenNotValid("log in again")
    return _rotate(token, found, refresh_token)


def _rotate(token: RefreshToken, found: Session, refresh_token: str) -> IssuedTokens:
    """Issue new tokens and keep them, encrypted, until the next rotation of the session."""
    earlier = update(RefreshToken).where(RefreshToken.session_id == found.id, RefreshToken.replacement.is_not(None))
    session().execute(earlier.values(replacement=None))
    token.used_at = clock.now()
    replaced_token_hash = found.token_hash
    issued = issuing.issue_tokens(found)
    token.replacement = replacement_tokens.encrypt(refresh_token, issued.access_token, str(issued.refresh_token))
    revocation.revoke_access_tokens([replaced_token_hash])
    if found.user is not None:
        audit_trail.record(found.user, "refresh_session", f"/auth/v1/sessions/{found.id}")
    return issued


def _find_replacement(token: RefreshToken, found: Session, refresh_token: str) -> IssuedTokens:
    """Return the tokens that the first use of a refresh token got, to a request that was sent concurrently."""
    now = clock.now()
    pair = replacement_tokens.decrypt(refresh_token, token.replacement) if token.replacement else None
    if pair is None or not is_within_grace_period(token.used_at, now):
        _revoke_reused(found)
        raise RefreshTokenReused("it was used before, so its session was revoked; log in again")
    access_token, next_refresh_token = pair
    next_token = session().get(RefreshToken, opaque.hash_token(next_refresh_token))
    is_current = found.token_hash == opaque.hash_token(access_token)
    if next_token is None or not is_current or not can_be_refreshed(found, now):
        raise RefreshTokenNotValid("log in again")
    expires_in, refresh_expires_in = (
        int((expiry - now).total_seconds()) for expiry in (found.access_expires_at, next_token.expires_at)
    )
    return IssuedTokens(found, access_token, expires_in, next_refresh_token, refresh_expires_in)


def _revoke_reused(found: Session) -> None:
    """Revoke the session, as the token may have been stolen, and mail its user."""
    if found.user is not None and revocation.revoke_sessions(Session.id == found.id):
        audit_trail.record(found.user, "refresh_token_reused", f"/auth/v1/sessions/{found.id}")
        sending.send_mail(found.user, "session-ended", f"reused-{found.id}")
