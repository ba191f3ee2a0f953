"""Sessions in ElastiCache, so that the exchange is one read. The database is the truth.

A key holds what the exchange needs: the signed JWT with its expiry. A session that ended leaves a tombstone,
which a load that was under way cannot overwrite (it only sets what is not there, or replaces what it read).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from libs.chassis.cache import redis_client

TOMBSTONE = "ended"
TOMBSTONE_SECONDS = 3600


@dataclass(frozen=True)
class CachedSession:
    """What the exchange answers with: `expires_at` of the JWT in Unix seconds."""

    kind: str
    jwt: str
    expires_at: int

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


def end(token_hash: str) -> None:
    """Leave a tombstone; RedisError when ElastiCache is away, and then the session may live on there."""
    redis_client().set(key_of(token_hash), TOMBSTONE, ex=TOMBSTONE_SECONDS)


def seconds_left(expires_at: int, now: datetime) -> int:
    return expires_at - int(now.timestamp())
