"""Access tokens: opaque outside (256 random bits, only the hash is kept), a short-lived JWT inside."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from joserfc import jwt

from libs.chassis import clock
from libs.chassis.ids import uuid7
from services.auth.settings import auth_settings
from services.auth.signing_keys import signing_keys

ACCESS_PREFIX = "rco_"
REFRESH_PREFIX = "rcr_"
SECRET_PREFIX = "rcs_"  # noqa: S105 no secret: what secrets of OAuth clients begin with


def new_token(prefix: str) -> str:
    """256 random bits with a prefix by which secret scanners know it."""
    return prefix + secrets.token_urlsafe(32)


def new_one_time_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """SHA-256 in hexadecimal: enough for 256 random bits, which nobody can guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def jwt_end(issued: int, seconds: int, ends_at: datetime | None) -> int:
    """When a JWT expires, in Unix seconds: it does not outlive `ends_at`."""
    return issued + seconds if ends_at is None else min(issued + seconds, int(ends_at.timestamp()))


def sign_jwt(
    *,
    subject: str,
    kind: str,
    roles: Iterable[str],
    scopes: Iterable[str],
    ends_at: datetime | None = None,
    **more: Any,
) -> tuple[str, int]:
    """An ES256 JWT (RFC 7519) and the seconds it is valid; it does not outlive `ends_at`."""
    chosen = auth_settings()
    issued = int(clock.now().timestamp())
    expires = jwt_end(issued, chosen.jwt_seconds, ends_at)
    claims = {
        "iss": chosen.jwt_issuer,
        "aud": chosen.jwt_audience,
        "sub": subject,
        "kind": kind,
        "roles": sorted(roles),
        "scope": " ".join(sorted(scopes)),
        "iat": issued,
        "exp": expires,
        "jti": uuid7().hex,
        **more,
    }
    key = signing_keys().signing
    header = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}
    return jwt.encode(header, claims, key), expires - issued
