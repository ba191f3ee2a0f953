"""The caller of a request: its JWT is verified here, and nothing else is trusted.

The gateway replaces the opaque token by a JWT. It is an ES256 JWT (RFC 7519) with `iss`, `aud`, `sub`,
`kind`, `roles`, `scope`, `iat`, `exp`, `jti` and, for a person, `sid` and `gateway`; its key is found by `kid` in
auth's JWKS.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from libs.chassis import clock, clock_drift
from libs.chassis.problems import Unauthenticated, Unavailable
from libs.chassis.runtime import per_process
from libs.chassis.settings import settings

LEEWAY_SECONDS = 60  # between the clocks of two machines; the gateways allow the same
REFETCH_SECONDS = 3.0
FRESH_SECONDS = 300.0  # the maximum lifetime of a JWT


@dataclass(frozen=True)
class Principal:
    """A caller: a customer, an internal user, a service account (kind `machine`), or one of our services."""

    subject: str
    kind: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    session_id: str | None = None
    gateway: str | None = None
    client_id: str | None = None

    @property
    def is_internal(self) -> bool:
        return self.kind == "internal"

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Principal:
        return cls(
            subject=claims["sub"],
            kind=claims["kind"],
            roles=frozenset(claims.get("roles", ())),
            scopes=frozenset(claims.get("scope", "").split()),
            session_id=claims.get("sid"),
            gateway=claims.get("gateway"),
            client_id=claims.get("client_id"),
        )


_principal: ContextVar[Principal | None] = ContextVar("principal", default=None)


def principal() -> Principal:
    """The caller of the current request. Raises Unauthenticated without a token."""
    current = _principal.get()
    if current is None:
        raise Unauthenticated
    return current


def principal_or_none() -> Principal | None:
    return _principal.get()


@contextmanager
def use_principal(caller: Principal | None) -> Iterator[None]:
    """Let `principal()` return `caller` inside the block."""
    token = _principal.set(caller)
    try:
        yield
    finally:
        _principal.reset(token)


@dataclass
class _Keys:
    """Auth's public keys by `kid`, fetched for an unknown `kid`, at most every REFETCH_SECONDS.

    They are also fetched again after FRESH_SECONDS, because a key that auth has removed must not be accepted any
    more. While auth is unavailable, the known keys remain valid.
    """

    url: str
    ca_file: str | None
    by_kid: dict[str, ECKey] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, kid: str) -> ECKey | None:
        if kid in self.by_kid and (self._is_younger_than(FRESH_SECONDS) or self.lock.locked()):
            return self.by_kid[kid]
        async with self.lock:
            if not self._is_younger_than(FRESH_SECONDS if kid in self.by_kid else REFETCH_SECONDS):
                await self._fetch()
        return self.by_kid.get(kid)

    def _is_younger_than(self, seconds: float) -> bool:
        return time.monotonic() - self.fetched_at < seconds

    async def _fetch(self) -> None:
        self.fetched_at = time.monotonic()
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        try:
            async with httpx.AsyncClient(verify=verify, timeout=2.0) as client:
                response = await client.get(self.url)
                response.raise_for_status()
                clock_drift.note("auth", response.headers.get("date"))
                keys = KeySet.import_key_set(response.json())
        except (httpx.HTTPError, ValueError, JoseError):
            if not self.by_kid:
                self.fetched_at = float("-inf")
                raise Unavailable("The keys that verify access tokens are unavailable for now.") from None
            return
        self.by_kid = {str(key.kid): key for key in keys.keys if isinstance(key, ECKey)}


@per_process
def _keys() -> _Keys:
    return _Keys(settings().jwks_url, settings().ca_file)


def use_keys(keys: Mapping[str, ECKey]) -> None:
    """Verify with these keys instead of auth's JWKS (for tests)."""
    _keys.use(_Keys("", None, dict(keys), float("inf")))


async def token_info(token: str) -> dict[str, Any] | None:
    """Connexion's x-tokenInfoFunc: the claims of a valid JWT, None (401) for any other; 503 without keys."""
    header = _header_of(token)
    if header is None or header.get("alg") != "ES256" or not isinstance(header.get("kid"), str):
        return None
    key = await _keys().find(header["kid"])
    if key is None:
        return None
    try:
        claims = jwt.decode(token, key, algorithms=["ES256"]).claims
        _CLAIMS.validate(claims, settings().jwt_issuer, settings().jwt_audience)
    except (JoseError, ValueError):
        return None
    return claims | {"scope": claims.get("scope", "")}


def _header_of(token: str) -> dict[str, Any] | None:
    import base64
    import json

    try:
        first = token.split(".")[0]
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


class _Claims:
    """The checks of RFC 7519, 4.1 that ReClothes requires."""

    @staticmethod
    def validate(claims: Mapping[str, Any], issuer: str, audience: str) -> None:
        registry = jwt.JWTClaimsRegistry(
            now=int(clock.now().timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            jti={"essential": True},
            kind={"essential": True, "values": ["customer", "internal", "machine", "service"]},
        )
        registry.validate(dict(claims))


_CLAIMS = _Claims()
