"""The public keys of our JWTs."""

from __future__ import annotations

from typing import Any

from services.auth.tokens.signing_keys import load_signing_keys


def get_jwks() -> tuple[dict[str, Any], int, dict[str, str]]:
    return load_signing_keys().public_set(), 200, {"Cache-Control": "public, max-age=60"}
