"""The token exchange: a gateway sends the opaque token of a request and gets the JWT for the services.

It is called for every request, so it is a plain ASGI application beside the contract, which makes one asynchronous
read of ElastiCache when the session is cached. Envoy's `ext_authz` calls `/exchange/<gateway>/<path of the
request>` with the request's method and Authorization header.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from libs.chassis import clock, logs
from libs.chassis.cache import RedisError, redis_async
from libs.chassis.db import unit_of_work
from libs.chassis.error_responses import as_problem
from libs.chassis.problems import MEDIA_TYPE, Problem, Unauthenticated
from services.auth.sessions import cache, lookup
from services.auth.sessions.cache import TOMBSTONE, CachedSession
from services.auth.tokens import jwts, opaque

RENEW_BEFORE_SECONDS = 60
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="reclothes", error="invalid_token"'}


async def exchange_token(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Respond to one request of a gateway."""
    gateway = scope["path"].split("/")[2]
    try:
        jwt, used_session = await _get_jwt(_parse_bearer_token(scope), gateway)
    except Exception as error:
        await _send_problem(as_problem(error), send)
        return
    headers = [(b"authorization", b"Bearer " + jwt.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
    if used_session is not None:  # after the response, which does not wait for it
        await run_in_threadpool(_store_last_use, used_session)


def _parse_bearer_token(scope: dict[str, Any]) -> str:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        raise Unauthenticated("send exactly one Authorization header")
    scheme, _, token = values[0].decode("latin1").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(opaque.ACCESS_PREFIX):
        raise Unauthenticated(headers=CHALLENGE)
    return str(token.strip())


async def _get_jwt(token: str, gateway: str) -> tuple[str, str | None]:
    """Return the JWT, and the session whose last use should be stored, if any."""
    token_hash = opaque.hash_token(token)
    entry, permissions = await _read_cache(token_hash)
    if entry == TOMBSTONE:
        raise _create_rejection()
    cached = CachedSession.from_text(entry) if entry else None
    if cached is None or not _is_fresh(cached, permissions):
        loaded, used_session = await run_in_threadpool(_load, token_hash, gateway, permissions)
        await _write_cache(token_hash, loaded, replaces=entry)
        return loaded.jwt, used_session
    if cached.gateway != gateway:
        raise _create_rejection()
    return cached.jwt, None


def _is_fresh(cached: CachedSession, permissions: str) -> bool:
    left = cache.calculate_seconds_left(cached.expires_at, clock.now())
    return cached.permissions == permissions and left >= RENEW_BEFORE_SECONDS


def _create_rejection() -> Unauthenticated:
    return Unauthenticated("the access token is not valid", headers=CHALLENGE)


async def _read_cache(token_hash: str) -> tuple[str | None, str]:
    """Read the entry of the token and the version of the permissions."""
    keys = [cache.make_key(token_hash), cache.PERMISSIONS_KEY]
    try:
        entry, permissions = await redis_async().mget(keys)
    except RedisError as error:
        logs.get_logger(__name__).warning("session cache unavailable", reason=type(error).__name__)
        return None, ""
    return entry, permissions or ""


async def _write_cache(token_hash: str, loaded: CachedSession, replaces: str | None) -> None:
    """Cache the JWT for its lifetime, but only if the entry is still the one that was read (None: no entry)."""
    lifetime = cache.calculate_seconds_left(loaded.expires_at, clock.now())
    key, text = cache.make_key(token_hash), loaded.to_text()
    try:
        if replaces is None:
            await redis_async().set(key, text, nx=True, ex=lifetime)
        else:
            await redis_async().eval(_REPLACE, 1, key, replaces, text, lifetime)
    except RedisError:
        return


_REPLACE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
"""


def _load(token_hash: str, gateway: str, permissions: str) -> tuple[CachedSession, str | None]:
    """Sign a JWT for the session in the database. A token at the wrong gateway is rejected, so it is not cached."""
    with unit_of_work(reads_only=True):
        auth_session = lookup.find_active(token_hash)
        if auth_session is None or lookup.find_gateway(auth_session) != gateway:
            raise _create_rejection()
        claims = lookup.build_claims(auth_session)
        used_session = auth_session.id if lookup.is_last_use_outdated(auth_session) else None
    jwt, seconds = jwts.sign(**claims)
    return CachedSession(gateway, jwt, int(clock.now().timestamp()) + seconds, permissions), used_session


def _store_last_use(session_id: str) -> None:
    """Store the last use of a session. A failure is harmless: the next load stores it."""
    try:
        with unit_of_work():
            lookup.store_last_use(session_id)
    except SQLAlchemyError as error:
        logs.get_logger(__name__).warning("last use of session not stored", reason=type(error).__name__)


async def _send_problem(problem: Problem, send: Any) -> None:
    body = json.dumps(problem.to_dict()).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
