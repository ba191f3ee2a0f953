"""The session cache in ElastiCache, which lets the token exchange respond after one read.

An entry holds the signed JWT, its expiry and the version of the permissions that it was signed with. A revoked
token leaves a tombstone. A token exchange that has read the database before the revocation cannot overwrite it,
because an exchange writes only where there is no entry, or where the entry is still the one that it has read. Each
change of permissions increments their version, so that JWTs of an older version are signed again on their next use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from libs.chassis.cache import redis_client

TOMBSTONE = "ended"
TOMBSTONE_SECONDS = 3600  # longer than the lifetime of any JWT that a concurrent exchange could write
PERMISSIONS_KEY = "auth:permissions-version"


@dataclass(frozen=True)
class CachedSession:
    """The JWT for `gateway`, its expiry in Unix seconds, and the version of the permissions in it."""

    gateway: str
    jwt: str
    expires_at: int
    permissions: str

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> CachedSession | None:
        """Parse an entry; None for an entry that another version of this service has written."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def make_key(token_hash: str) -> str:
    return f"session:{token_hash}"


def apply(updates: Iterable[str | None]) -> None:
    """Write a tombstone for each token hash; None increments the version of the permissions.

    Raises:
        RedisError: ElastiCache is unavailable.
    """
    with redis_client().pipeline(transaction=False) as pipeline:
        for token_hash in updates:
            if token_hash is None:
                pipeline.incr(PERMISSIONS_KEY)
            else:
                pipeline.set(make_key(token_hash), TOMBSTONE, ex=TOMBSTONE_SECONDS)
        pipeline.execute()


def calculate_seconds_left(expires_at: int, now: datetime) -> int:
    return expires_at - int(now.timestamp())
