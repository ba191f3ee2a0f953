"""Grants to open doors: signed by locker, and verified by controllers without a network.

A grant is a JWT (RFC 7519, ES256) for one location (`aud`), box, person (`sub`) and purpose, with `jti` and `exp`.
A grant that is issued in advance is wrapped in a JWE (RFC 7516, `dir` with A128GCM) with the day key of its person,
whose phone shows that key to the box: without it the controller cannot read the grants that it stores.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey
from joserfc.jwt import JWTClaimsRegistry

ISSUER = "reclothes-locker"


class GrantRefused(ValueError):
    """A grant that must not open a door."""


@dataclass(frozen=True)
class GrantClaims:
    grant_id: str
    location_id: str
    box_id: str
    person_id: str
    purpose: str


def sign(key: ECKey, claims: GrantClaims, issued_at: datetime, expires_at: datetime) -> str:
    body = {
        "iss": ISSUER,
        "aud": claims.location_id,
        "sub": claims.person_id,
        "jti": claims.grant_id,
        "box": claims.box_id,
        "purpose": claims.purpose,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid}, body, key)


def check(text: str, keys: Mapping[str, Any], location_id: str, now: datetime) -> GrantClaims:
    """The claims of a valid grant for this location. `keys` is a JWK set (RFC 7517). Raises GrantRefused."""
    try:
        claims = jwt.decode(text, KeySet.import_key_set(keys), algorithms=["ES256"]).claims  # type: ignore[arg-type]
        JWTClaimsRegistry(
            now=int(now.timestamp()),
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": location_id},
            exp={"essential": True},
        ).validate(claims)
        return GrantClaims(claims["jti"], claims["aud"], claims["box"], claims["sub"], claims["purpose"])
    except (JoseError, ValueError, KeyError) as error:
        raise GrantRefused(f"the grant is not valid for this location and time: {type(error).__name__}") from error


def day_key(secret: str, person_id: str, day: date) -> bytes:
    """The key that wraps a person's grants of a day (16 bytes)."""
    return hmac.digest(secret.encode(), f"day of {person_id} {day.isoformat()}".encode(), hashlib.sha256)[:16]


def wrap(grant: str, key: bytes) -> str:
    return jwe.encrypt_compact({"alg": "dir", "enc": "A128GCM"}, grant, OctKey.import_key(key))


def unwrap(wrapped: str, key: bytes) -> str:
    """The wrapped grant. Raises GrantRefused when it is wrapped for another person or day."""
    try:
        plaintext = jwe.decrypt_compact(wrapped, OctKey.import_key(key), algorithms=["dir", "A128GCM"]).plaintext
    except (JoseError, ValueError) as error:
        raise GrantRefused("the grant is wrapped for another person or day") from error
    return (plaintext or b"").decode()
