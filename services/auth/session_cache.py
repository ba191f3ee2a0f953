"""Sessions in ElastiCache, so that the exchange is one read. The database is the truth.

A key holds what the exchange needs: the signed JWT with its expiry, and the version of the permissions that it was
made with. A token that is dead leaves a tombstone, which a load that was under way cannot overwrite (it only sets
what is not there, or replaces what it read). When permissions change their version is raised, and each JWT of an
older version is made anew at its next use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from libs.chassis.cache import redis_client

TOMBSTONE = "ended"
TOMBSTONE_SECONDS = 3600  # longer than any JWT lives that a load under way could put there
PERMISSIONS_KEY = "auth:permissions-version"


@dataclass(frozen=True)
class CachedSession:
    """What the exchange answers with: the JWT for `gateway`, and when it expires in Unix seconds."""

    gateway: str
    jwt: str
    expires_at: int
    permissions: str

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> CachedSession | None:
        """None for what another version of this service wrote: it is loaded anew."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def key_of(token_hash: str) -> str:
    return f"session:{token_hash}"


def apply(token_hashes: Iterable[str | None]) -> None:
    """Leave a tombstone for each hash; None raises the version of the permissions. RedisError when it is away."""
    with redis_client().pipeline(transaction=False) as pipeline:
        for token_hash in token_hashes:
            if token_hash is None:
                pipeline.incr(PERMISSIONS_KEY)
            else:
                pipeline.set(key_of(token_hash), TOMBSTONE, ex=TOMBSTONE_SECONDS)
        pipeline.execute()


def seconds_left(expires_at: int, now: datetime) -> int:
    return expires_at - int(now.timestamp())
