"""The successor of a refresh token, for requests that use the token at the same moment.

Only hashes of tokens are stored, so the new tokens could not be sent a second time. They are therefore stored as a
JWE (RFC 7516, `dir` with A256GCM) whose key is derived from the old refresh token by HMAC-SHA256: the database
alone, which has only the SHA-256 of the token, cannot decrypt it.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

GRACE = timedelta(seconds=10)
_LABEL = b"reclothes: successor of a refresh token"


def is_within_grace(used_at: datetime | None, now: datetime) -> bool:
    """Whether a token that was used at `used_at` still gets the tokens of that first use."""
    return used_at is not None and timedelta(0) <= now - used_at <= GRACE


def seal(refresh_token: str, access_successor: str, refresh_successor: str) -> str:
    """The two new tokens, readable only with the old `refresh_token`."""
    text = f"{access_successor} {refresh_successor}"
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, text, _key_of(refresh_token))


def unseal(refresh_token: str, sealed: str) -> tuple[str, str] | None:
    """The access and the refresh token; None when `sealed` does not belong to this token."""
    try:
        plain = jwe.decrypt_compact(sealed, _key_of(refresh_token), algorithms=["dir", "A256GCM"]).plaintext
    except (JoseError, ValueError):
        return None
    access_token, _, refresh_successor = (plain or b"").decode().partition(" ")
    return access_token, refresh_successor


def _key_of(refresh_token: str) -> OctKey:
    return OctKey.import_key(hmac.digest(refresh_token.encode(), _LABEL, hashlib.sha256))
