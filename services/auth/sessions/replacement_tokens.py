"""Encrypt the tokens that replace a refresh token, so that concurrent refreshes get the same ones.

Only hashes of tokens are stored, so the new tokens could not be returned a second time. They are therefore stored
as a JWE (RFC 7516, `dir` with A256GCM) whose key is derived from the replaced refresh token by HMAC-SHA256. The
database has only the SHA-256 of that token, so it cannot decrypt the replacement.
"""

from __future__ import annotations

import hashlib
import hmac

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_LABEL = b"reclothes: replacement of a refresh token"


def encrypt(refresh_token: str, new_access_token: str, new_refresh_token: str) -> str:
    """Encrypt the two new tokens so that only the old `refresh_token` decrypts them."""
    text = f"{new_access_token} {new_refresh_token}"
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, text, _derive_key(refresh_token))


def decrypt(refresh_token: str, encrypted: str) -> tuple[str, str] | None:
    """Return the new access and refresh token, or None when `encrypted` does not belong to `refresh_token`."""
    try:
        plain = jwe.decrypt_compact(encrypted, _derive_key(refresh_token), algorithms=["dir", "A256GCM"]).plaintext
    except (JoseError, ValueError):
        return None
    access_token, _, new_refresh_token = (plain or b"").decode().partition(" ")
    return access_token, new_refresh_token


def _derive_key(refresh_token: str) -> OctKey:
    return OctKey.import_key(hmac.digest(refresh_token.encode(), _LABEL, hashlib.sha256))
