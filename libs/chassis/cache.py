"""ElastiCache (Redis protocol): clients with short timeouts; whoever uses them says what happens without it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import redis
import redis.asyncio

from libs.chassis.settings import settings

_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 1.0,
    "health_check_interval": 30,
    "decode_responses": True,
}

RedisError = redis.RedisError


def redis_client() -> redis.Redis:
    """The process's client; its calls raise RedisError when the server is away."""
    return _client(settings().redis_url, settings().ca_file)


def settings_client() -> redis.Redis:
    """The client for the copy of the system settings, which all services share; else as `redis_client`."""
    return _client(settings().settings_redis_url or settings().redis_url, settings().ca_file)


@lru_cache(maxsize=4)
def _client(url: str, ca_file: str | None) -> redis.Redis:
    return redis.Redis.from_url(url, **_OPTIONS, **_tls(url, ca_file))


@lru_cache(maxsize=4)
def _async_client(url: str, ca_file: str | None) -> Any:
    return redis.asyncio.Redis.from_url(url, **_OPTIONS, **_tls(url, ca_file))


def redis_async() -> Any:
    """The client for code on the event loop."""
    return _async_client(settings().redis_url, settings().ca_file)


def _tls(url: str, ca_file: str | None) -> dict[str, Any]:
    return {"ssl_ca_certs": ca_file} if url.startswith("rediss://") and ca_file else {}


def claim(name: str, *, seconds: float) -> bool:
    """Whether nobody else claimed `name` in the last `seconds`; True too when Redis is away."""
    try:
        return bool(redis_client().set(name, "1", nx=True, px=max(1, int(seconds * 1000))))
    except RedisError:
        return True
