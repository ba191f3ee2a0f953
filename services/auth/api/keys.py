"""The public keys."""

from __future__ import annotations

from typing import Any

from services.auth.signing_keys import signing_keys


def get_jwks() -> tuple[dict[str, Any], int, dict[str, str]]:
    return signing_keys().public_set(), 200, {"Cache-Control": "public, max-age=60"}
