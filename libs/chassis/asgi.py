"""The outermost layer of a service: request id, trace, access log, metrics, probes and the service's own mounts."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanKind
from starlette.concurrency import run_in_threadpool

from libs.chassis import audit, health, logs, metrics, tracing
from libs.chassis.error_responses import method_not_allowed, send_problem
from libs.chassis.problems import BadRequest, Problem

Scope = dict[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

# Connexion and Flask both choose the operation by the path, and read a line break in it differently.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,128}$")


class Chassis:
    """The ASGI application around Connexion's."""

    def __init__(
        self,
        app: Any,
        mounts: Mapping[str, AsgiApp],
        find_methods: Callable[[str], Sequence[str]],
        checks: Sequence[health.Check],
    ) -> None:
        self._app = app
        self._mounts = mounts
        self._find_methods = find_methods
        self._checks = checks

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await _handle_protocol(scope["type"], receive, send)
            return
        path = scope["path"]
        if path in ("/livez", "/readyz", "/metrics"):
            await self._send_probe(path, send)
            return
        for prefix, mounted in self._mounts.items():
            if path.startswith(prefix + "/"):
                await mounted(scope, receive, send)
                return
        await self._handle(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Any, send: Any) -> None:
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.match(request_id):
            request_id = uuid.uuid4().hex
        logs.clear()
        logs.bind(request_id=request_id)
        forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        audit.source_address.set(forwarded or (scope.get("client") or ("",))[0])
        scope["state"] = dict(scope.get("state") or {})
        _lower_media_type(scope)
        status = 500
        started = time.perf_counter()

        async def send_with_id(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        with tracing.span(f"{scope['method']} {scope['path']}", SpanKind.SERVER, headers) as trace_id:
            logs.bind(trace_id=trace_id)
            try:
                problem = self._find_problem(scope)
                if problem is not None:
                    await send_problem(problem, send_with_id)
                else:
                    await self._app(scope, receive, send_with_id)
            finally:
                _log_access(scope, status, time.perf_counter() - started)

    def _find_problem(self, scope: Scope) -> Problem | None:
        """What Connexion would accept, or reject in an unclear way."""
        if _CONTROL_CHARACTER.search(scope["path"]):
            return BadRequest("The path contains a control character.")
        if scope["method"] == "HEAD":  # Connexion and Flask disagree on it
            methods = self._find_methods(scope["path"])
            return method_not_allowed(methods) if methods else None
        return None

    async def _send_probe(self, path: str, send: Any) -> None:
        status, content_type = 200, "application/json"
        if path == "/livez":
            body = b'{"status": "ok"}'
        elif path == "/readyz":
            is_ready, results = await run_in_threadpool(health.report, self._checks)
            status = 200 if is_ready else 503
            body = json.dumps({"status": "ok" if is_ready else "unavailable", "checks": results}).encode()
        else:
            body, content_type = metrics.render()
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _lower_media_type(scope: Scope) -> None:
    """Media types are case-insensitive (RFC 9110, 8.3.1); Connexion recognises them in lower case only."""
    headers = scope["headers"]
    scope["headers"] = [(name, _lower(value) if name == b"content-type" else value) for name, value in headers]


def _lower(content_type: bytes) -> bytes:
    media_type, semicolon, parameters = content_type.partition(b";")
    return media_type.strip().lower() + semicolon + parameters


async def _handle_protocol(kind: str, receive: Any, send: Any) -> None:
    """Confirm the start and the end of the server, and reject web sockets."""
    if kind != "lifespan":
        await send({"type": "websocket.close", "code": 1000})
        return
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    operation = scope["state"].get("operation", "none")
    metrics.REQUESTS.labels(scope["method"], operation, str(status)).observe(seconds)
    logs.get_logger("access").info(
        "request",
        method=scope["method"],
        path=scope["path"],
        operation=operation,
        principal=scope["state"].get("principal"),
        status=status,
        ms=round(seconds * 1000, 1),
    )
