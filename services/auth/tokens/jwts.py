"""The short-lived JWTs that services accept (RFC 7519)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from joserfc import jwt

from libs.chassis import clock
from libs.chassis.ids import uuid7
from services.auth.settings import auth_settings
from services.auth.tokens.signing_keys import load_signing_keys


def calculate_jwt_expiry(issued_at: int, seconds: int, session_expires_at: datetime | None) -> int:
    """Return when a JWT expires, in Unix seconds; it does not outlive its session."""
    if session_expires_at is None:
        return issued_at + seconds
    return min(issued_at + seconds, int(session_expires_at.timestamp()))


def sign(
    *,
    subject: str,
    kind: str,
    roles: Iterable[str],
    scopes: Iterable[str],
    session_expires_at: datetime | None = None,
    **more_claims: Any,
) -> tuple[str, int]:
    """Return an ES256 JWT and its lifetime in seconds."""
    settings = auth_settings()
    issued_at = int(clock.now().timestamp())
    expires_at = calculate_jwt_expiry(issued_at, settings.jwt_seconds, session_expires_at)
    claims = {
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": subject,
        "kind": kind,
        "roles": sorted(roles),
        "scope": " ".join(sorted(scopes)),
        "iat": issued_at,
        "exp": expires_at,
        "jti": uuid7().hex,
        **more_claims,
    }
    key = load_signing_keys().signing_key
    header = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}
    return jwt.encode(header, claims, key), expires_at - issued_at
