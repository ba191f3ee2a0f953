"""Builds the application of a service: its contract on Connexion, Flask inside, the chassis around."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import connexion
from connexion.exceptions import OAuthScopeProblem, ProblemException
from connexion.lifecycle import ConnexionResponse
from opentelemetry.trace import SpanKind
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from libs.chassis import audit, clock_drift, db, health, logs, metrics, operations, tracing, validation
from libs.chassis.problems import (
    MEDIA_TYPE,
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    MissingScope,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unauthenticated,
    UnsupportedMediaType,
)
from libs.chassis.service import Service, load_process, use_service
from libs.chassis.settings import settings
from libs.chassis.wsgi_bridge import BufferedBridge

Scope = dict[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

# Connexion and Flask each choose the operation by the path, and would not read a line break in it alike.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,128}$")
_BY_STATUS = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthenticated,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        PayloadTooLarge,
        UnsupportedMediaType,
    )
}


def application(name: str) -> AsgiApp:
    """The application of the service `name`: what gunicorn is given; its workers start the service."""
    return create_app(load_process(name))


def create_app(service: Service) -> AsgiApp:
    """The ASGI application of `service`; raises when contract and handlers do not match."""
    use_service(service)
    health.register("database", db.ping, is_needed=not service.works_without_database)
    health.register("clock", clock_drift.check, is_needed=False)
    resolver = operations.ContractResolver()
    app = connexion.FlaskApp(
        service.name,
        specification_dir=str(settings().contracts_dir),
        swagger_ui_options=connexion.options.SwaggerUIOptions(swagger_ui=False, serve_spec=False),
    )
    app.app.json.sort_keys = False
    app._middleware_app.asgi_app = BufferedBridge(app.app.wsgi_app)
    app.add_api(
        f"{service.name}.yaml",
        resolver=resolver,
        strict_validation=True,
        validate_responses=not settings().is_production,
        validator_map=validation.validator_map(),
    )
    for kind in (Problem, ProblemException, HTTPException, Exception):
        app.add_error_handler(kind, _error_handler(resolver))
    _note_operation(app)
    _build_now(app)
    resolver.refuse_orphans(service.name)
    mounts = {prefix: make() for prefix, make in service.asgi_mounts.items()}
    return Chassis(app, mounts, resolver)


def _build_now(app: connexion.FlaskApp) -> None:
    """Read the contract and find the handlers now; Connexion would wait for the first message."""
    middleware = app.middleware
    middleware.app, middleware.middleware_stack = middleware._build_middleware_stack()


def _note_operation(app: connexion.FlaskApp) -> None:
    """Tell the access log and the metrics which operation it was and who asked, by the scope's state."""
    import flask

    @app.app.after_request
    def note(answer: flask.Response) -> flask.Response:
        operation = flask.g.get("operation")
        if operation is not None:
            state = flask.request.environ["asgi.scope"]["state"]
            state["operation"], state["principal"] = operation.name, logs.bound("principal")
        return answer


def _error_handler(resolver: operations.ContractResolver) -> Callable[[Any, Exception], Awaitable[Any]]:
    async def answer(request: Any, error: Exception) -> ConnexionResponse:
        problem = _from_framework(error) or operations.as_problem(error)
        if isinstance(problem, MethodNotAllowed):
            problem = _not_allowed(resolver.methods_of(request.scope["path"]))
        return ConnexionResponse(
            status_code=problem.status,
            mimetype=MEDIA_TYPE,
            content_type=MEDIA_TYPE,
            body=json.dumps(problem.to_dict(logs.bound("request_id"))),
            headers=problem.headers,
        )

    return answer


def _not_allowed(methods: Iterable[str]) -> MethodNotAllowed:
    return MethodNotAllowed(headers={"Allow": ", ".join(methods)})


def _from_framework(error: Exception) -> Problem | None:
    """An error of Connexion or Starlette as one of ours."""
    if isinstance(error, OAuthScopeProblem):
        return MissingScope(error.required_scopes, held=error.token_scopes.split())
    if not isinstance(error, ProblemException | HTTPException):
        return None
    status = error.status if isinstance(error, ProblemException) else error.status_code
    kind = _BY_STATUS.get(int(status))
    if kind is None:
        logs.get_logger(__name__).error("framework refused", error=type(error).__name__, reason=str(error.detail))
        return Problem() if int(status) >= 500 else BadRequest(str(error.detail or ""))
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    detail = "" if kind in (Unauthenticated, NotFound) else str(error.detail or "")
    return kind(validation.shortened(detail), headers=headers)


class Chassis:
    """The outermost layer: request id, trace, access log, metrics, health and the service's own mounts."""

    def __init__(self, app: Any, mounts: Mapping[str, AsgiApp], resolver: operations.ContractResolver) -> None:
        self._app = app
        self._mounts = mounts
        self._resolver = resolver

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await _answer_protocol(scope["type"], receive, send)
            return
        path = scope["path"]
        if path in ("/livez", "/readyz", "/metrics"):
            await _answer_probe(path, send)
            return
        for prefix, mounted in self._mounts.items():
            if path.startswith(prefix + "/"):
                await mounted(scope, receive, send)
                return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Any, send: Any) -> None:
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        logs.clear()
        logs.bind(request_id=request_id)
        forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        audit.source_address.set(forwarded or (scope.get("client") or ("",))[0])
        scope["state"] = dict(scope.get("state") or {})
        _make_media_type_plain(scope)
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
                problem = self._refusal(scope)
                if problem is not None:
                    await _refuse(problem, request_id, send_with_id)
                else:
                    await self._app(scope, receive, send_with_id)
            finally:
                _log_access(scope, status, time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> Problem | None:
        """What Connexion would not refuse by itself, or not in a clear way."""
        if _CONTROL_CHARACTER.search(scope["path"]):
            return BadRequest("the path holds a control character")
        if scope["method"] == "HEAD":  # it would be taken for a GET at first, and then no longer
            methods = self._resolver.methods_of(scope["path"])
            return _not_allowed(methods) if methods else None
        return None


def _make_media_type_plain(scope: Scope) -> None:
    """A media type is the same in capital letters (RFC 9110, 8.3.1); Connexion knows it in small ones alone."""
    sent = scope["headers"]
    scope["headers"] = [(name, _plain(value) if name == b"content-type" else value) for name, value in sent]


def _plain(content_type: bytes) -> bytes:
    media_type, semicolon, parameters = content_type.partition(b";")
    return media_type.strip().lower() + semicolon + parameters


async def _refuse(problem: Problem, request_id: str, send: Any) -> None:
    body = json.dumps(problem.to_dict(request_id)).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_protocol(kind: str, receive: Any, send: Any) -> None:
    """The server's start and end, for which there is nothing to do; web sockets are refused."""
    if kind != "lifespan":
        await send({"type": "websocket.close", "code": 1000})
        return
    for moment in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{moment}.complete"})


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


async def _answer_probe(path: str, send: Any) -> None:
    status, content_type = 200, "application/json"
    if path == "/livez":
        body = b'{"status": "ok"}'
    elif path == "/readyz":
        ready, checks = await run_in_threadpool(health.report)
        status = 200 if ready else 503
        body = json.dumps({"status": "ok" if ready else "unavailable", "checks": checks}).encode()
    else:
        body, content_type = metrics.render()
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
