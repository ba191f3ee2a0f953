"""ElastiCache (Redis protocol): clients with short deadlines and a circuit breaker; each caller has a fallback.

A server that hangs delays a request by one or two deadlines until the circuit opens; then calls fail immediately.
"""

from __future__ import annotations

from typing import Any, cast

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

from libs.chassis import circuit_breaker
from libs.chassis.runtime import per_process
from libs.chassis.settings import settings

_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": 0.3,
    "socket_timeout": 0.5,
    "health_check_interval": 30,
    "decode_responses": True,
}
# The token exchange, which each request waits for, runs on the event loop.
ASYNC_SECONDS = 0.2
_ASYNC_DEADLINES = {"socket_connect_timeout": ASYNC_SECONDS, "socket_timeout": ASYNC_SECONDS}

RedisError = redis.RedisError


class _Client(redis.Redis):
    """A client whose commands and pipelines pass its server's circuit breaker."""

    circuit: circuit_breaker.Circuit

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        with circuit_breaker.guarded(self.circuit, _circuit_open):
            return super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        pipeline = _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.circuit = self.circuit
        return pipeline


class _Pipeline(Pipeline):
    circuit: circuit_breaker.Circuit

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        with circuit_breaker.guarded(self.circuit, _circuit_open):
            return super().execute(raise_on_error)


class _AsyncClient(redis.asyncio.Redis):
    circuit: circuit_breaker.Circuit

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        with circuit_breaker.guarded(self.circuit, _circuit_open):
            return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]


def _circuit_open() -> redis.ConnectionError:
    return redis.ConnectionError("the circuit of the cache is open")


def _is_unreachable(error: BaseException) -> bool:
    return isinstance(error, redis.ConnectionError | redis.TimeoutError)


def redis_client() -> redis.Redis:
    """The client of the process. Its calls raise RedisError when the server is unavailable or hangs."""
    return _client(settings().redis_url, settings().ca_file)


def settings_client() -> redis.Redis:
    """The client for the copy of the system settings, which all services share."""
    return _client(settings().settings_redis_url or settings().redis_url, settings().ca_file)


@per_process
def _circuit(_url: str) -> circuit_breaker.Circuit:
    return circuit_breaker.breaker("cache", _is_unreachable)


@per_process
def _client(url: str, ca_file: str | None) -> redis.Redis:
    # Retried once, over a new connection, when a pooled one is broken; not after a deadline.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    client: Any = _Client.from_url(url, retry=retry, **_OPTIONS, **_tls(url, ca_file))
    client.circuit = _circuit(url)
    return cast(redis.Redis, client)


@per_process
def _async_client(url: str, ca_file: str | None) -> Any:
    retry = redis.asyncio.retry.Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    options = _OPTIONS | _ASYNC_DEADLINES
    client: Any = _AsyncClient.from_url(url, retry=retry, **options, **_tls(url, ca_file))
    client.circuit = _circuit(url)
    return client


def redis_async() -> Any:
    """The client for code on the event loop."""
    return _async_client(settings().redis_url, settings().ca_file)


def _tls(url: str, ca_file: str | None) -> dict[str, Any]:
    return {"ssl_ca_certs": ca_file} if url.startswith("rediss://") and ca_file else {}


def claim(name: str, *, seconds: float) -> bool:
    """Claim `name` for `seconds`. Returns whether it was free; True when Redis is unavailable."""
    try:
        return bool(redis_client().set(name, "1", nx=True, px=max(1, int(seconds * 1000))))
    except RedisError:
        return True
