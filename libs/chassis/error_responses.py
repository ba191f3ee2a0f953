"""Exceptions as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import flask
from connexion.exceptions import OAuthScopeProblem, ProblemException
from connexion.lifecycle import ConnexionResponse
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from libs.chassis import db, documents, logs
from libs.chassis.log_events import LogEvent
from libs.chassis.problems import (
    MEDIA_TYPE,
    BadRequest,
    Conflict,
    Forbidden,
    MethodNotAllowed,
    MissingScope,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from libs.chassis.validation import shorten

ERROR_TYPES = (Problem, ProblemException, HTTPException, Exception)
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


class ConstraintViolated(Conflict):
    slug, title = "constraint-violated", "The request contradicts stored data"


class ConcurrentChange(Conflict):
    slug, title = "concurrent-change", "Another request changed the same data"


def as_problem(error: Exception) -> Problem:
    """The problem that the client gets for an exception of a handler; our own errors are logged."""
    log = logs.get_logger(__name__)
    if isinstance(error, Problem):
        return error
    if isinstance(error, IntegrityError):
        log.warning("constraint violated", exc_info=error)
        return ConstraintViolated("Read it again, and repeat the request if it still makes sense.")
    if isinstance(error, StaleDataError):
        return ConcurrentChange("Read it again, and repeat the request if it still makes sense.")
    if isinstance(error, DBAPIError | PoolTimeout) and db.is_disconnect(error):
        log.error(LogEvent.DATABASE_UNAVAILABLE, reason=type(error).__name__)
        return Unavailable("The database is unavailable for now. Nothing was changed.")
    if documents.is_unavailable(error):
        log.error(LogEvent.DOCUMENTS_UNAVAILABLE, reason=type(error).__name__)
        return Unavailable("The document database is unavailable for now. Repeat the request in a moment.")
    trace = "".join(traceback.format_exception(error))
    log.error("unhandled error", error=type(error).__name__, trace=trace)
    return Problem("The error is logged under the request id of this response.")


def to_flask_response(problem: Problem) -> flask.Response:
    response = flask.Response(_to_json(problem), problem.status, mimetype=MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def connexion_handler(find_methods: Callable[[str], Iterable[str]]) -> Callable[[Any, Exception], Awaitable[Any]]:
    """The error handler for Connexion; `find_methods` returns the methods that the contract has for a path."""

    async def handle(request: Any, error: Exception) -> ConnexionResponse:
        problem = _from_framework(error) or as_problem(error)
        if isinstance(problem, MethodNotAllowed):
            problem = method_not_allowed(find_methods(request.scope["path"]))
        return ConnexionResponse(
            status_code=problem.status,
            mimetype=MEDIA_TYPE,
            content_type=MEDIA_TYPE,
            body=_to_json(problem),
            headers=problem.headers,
        )

    return handle


async def send_problem(problem: Problem, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Send a problem over ASGI."""
    body = _to_json(problem).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def method_not_allowed(methods: Iterable[str]) -> MethodNotAllowed:
    return MethodNotAllowed(headers={"Allow": ", ".join(methods)})


def _to_json(problem: Problem) -> str:
    return json.dumps(problem.to_dict(logs.bound("request_id")))


def _from_framework(error: Exception) -> Problem | None:
    """The problem for an error of Connexion or Starlette; None for another one."""
    if isinstance(error, OAuthScopeProblem):
        return MissingScope(error.required_scopes, held=error.token_scopes.split())
    if not isinstance(error, ProblemException | HTTPException):
        return None
    status = int(error.status if isinstance(error, ProblemException) else error.status_code)
    kind = _BY_STATUS.get(status)
    if kind is None:
        log = logs.get_logger(__name__)
        log.error("request rejected by framework", error=type(error).__name__, reason=str(error.detail))
        return Problem() if status >= 500 else BadRequest(str(error.detail or ""))
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    detail = "" if kind in (Unauthenticated, NotFound) else str(error.detail or "")
    return kind(shorten(detail), headers=headers)
