"""The exchange: a gateway gives the opaque token of a request and gets the JWT for the services back.

It is asked for every request, so it stands outside the contract's machinery: a plain ASGI application that makes
one asynchronous read of ElastiCache when warm. Envoy's `ext_authz` asks `/exchange/<gateway>/<path of the request>`
with the request's method and Authorization header.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.concurrency import run_in_threadpool

from libs.chassis import clock, logs
from libs.chassis.cache import RedisError, redis_async
from libs.chassis.db import unit_of_work
from libs.chassis.error_responses import as_problem
from libs.chassis.problems import MEDIA_TYPE, Problem, Unauthenticated
from services.auth import session_cache, sessions, tokens
from services.auth.session_cache import TOMBSTONE, CachedSession

RENEW_BEFORE_SECONDS = 60


async def exchange(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer one request of a gateway."""
    gateway = scope["path"].split("/")[2]
    try:
        jwt, used_session = await _jwt_for(_bearer_of(scope), gateway)
    except Exception as error:
        await _refuse(as_problem(error), send)
        return
    headers = [(b"authorization", b"Bearer " + jwt.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
    if used_session is not None:  # after the answer, which does not wait for it
        await run_in_threadpool(sessions.touch, used_session)


def _bearer_of(scope: dict[str, Any]) -> str:
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(sent) != 1:
        raise Unauthenticated("send exactly one Authorization header")
    scheme, _, token = sent[0].decode("latin1").partition(" ")
    if scheme.lower() != "bearer" or not token.startswith(tokens.ACCESS_PREFIX):
        raise Unauthenticated(headers={"WWW-Authenticate": 'Bearer realm="reclothes", error="invalid_token"'})
    return str(token.strip())


async def _jwt_for(token: str, gateway: str) -> tuple[str, str | None]:
    """The JWT, and the session whose last use is to be noted, if it is time."""
    token_hash = tokens.hash_of(token)
    cached, permissions = await _read_cache(token_hash)
    if cached == TOMBSTONE:
        raise _not_valid()
    found = CachedSession.from_text(cached) if cached else None
    if found is None or not _is_fresh(found, permissions):
        loaded, used_session = await run_in_threadpool(_load, token_hash, gateway, permissions)
        await _write_cache(token_hash, loaded, renewal=cached)
        return loaded.jwt, used_session
    if found.gateway != gateway:
        raise _not_valid()
    return found.jwt, None


def _is_fresh(found: CachedSession, permissions: str) -> bool:
    left = session_cache.seconds_left(found.expires_at, clock.now())
    return found.permissions == permissions and left >= RENEW_BEFORE_SECONDS


def _not_valid() -> Unauthenticated:
    challenge = 'Bearer realm="reclothes", error="invalid_token"'
    return Unauthenticated("the access token is not valid", headers={"WWW-Authenticate": challenge})


async def _read_cache(token_hash: str) -> tuple[str | None, str]:
    """What is kept for the token, and the version of the permissions, in one read."""
    keys = [session_cache.key_of(token_hash), session_cache.PERMISSIONS_KEY]
    try:
        value, permissions = await redis_async().mget(keys)
    except RedisError as error:
        logs.get_logger(__name__).warning("session cache unavailable", reason=type(error).__name__)
        return None, ""
    return value, permissions or ""


async def _write_cache(token_hash: str, found: CachedSession, renewal: str | None) -> None:
    """Keep the JWT for its life. Only where there is nothing yet, or exactly what is being renewed."""
    life = session_cache.seconds_left(found.expires_at, clock.now())
    key, text = session_cache.key_of(token_hash), found.to_text()
    try:
        if renewal is None:
            await redis_async().set(key, text, nx=True, ex=life)
        else:
            await redis_async().eval(_REPLACE, 1, key, renewal, text, life)
    except RedisError:
        return


_REPLACE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
"""


def _load(token_hash: str, gateway: str, permissions: str) -> tuple[CachedSession, str | None]:
    """From the database, which is the truth. A token at the wrong gateway gets no JWT that could be kept."""
    with unit_of_work(reads_only=True):
        live = sessions.load_live(token_hash)
    if live is None or live.gateway != gateway:
        raise _not_valid()
    more = {"client_id": live.client_id} if live.client_id else {}
    jwt, seconds = tokens.sign_jwt(
        subject=live.subject,
        kind=live.kind,
        roles=live.roles,
        scopes=live.scopes,
        ends_at=live.ends_at,
        sid=live.session_id,
        gateway=gateway,
        **more,
    )
    cached = CachedSession(gateway, jwt, int(clock.now().timestamp()) + seconds, permissions)
    return cached, live.session_id if live.is_idle else None


async def _refuse(problem: Problem, send: Any) -> None:
    body = json.dumps(problem.to_dict()).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
