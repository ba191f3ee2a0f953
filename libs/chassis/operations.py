"""What happens around every handler, once and here: who asks, the unit of work, idempotency, audit, errors."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flask
from connexion.context import context
from connexion.exceptions import ResolverError
from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from libs.chassis import audit, db, documents, idempotency, logs, pagination, response_checks, text_normalization
from libs.chassis.problems import MEDIA_TYPE, BadRequest, Conflict, Problem, Unavailable
from libs.chassis.security import Principal, principal_or_none, use_principal

SAFE_METHODS = ("get", "head", "options")


@dataclass
class Operation:
    """What the chassis takes from the contract for one operation."""

    name: str
    method: str
    contract: AbstractOperation

    @cached_property
    def needs_key(self) -> bool:
        names = {found["name"].lower() for found in self.contract.parameters if found["in"] == "header"}
        return idempotency.HEADER.lower() in names

    @cached_property
    def texts(self) -> dict[str, dict[str, Any]]:
        """The schemas of the handler's arguments that can hold texts of people, by the argument's name."""
        query = (found for found in self.contract.parameters if found["in"] == "query")
        schemas = {found["name"]: found["schema"] for found in query}
        return schemas | ({"body": self.contract.body_schema()} if self.contract.request_body else {})

    def normalised(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with their texts in the normal form that was checked."""
        schemas = self.texts
        return {
            name: text_normalization.normalise_value(schemas[name], value) if name in schemas else value
            for name, value in arguments.items()
        }

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE_METHODS


class ContractResolver(Resolver):
    """Finds the function of an operation: `operationId` in the module `x-openapi-router-controller`."""

    def __init__(self) -> None:
        super().__init__()
        self._wrapped: dict[str, Callable[..., Any]] = {}
        self.functions: set[Callable[..., Any]] = set()
        self._methods: dict[str, set[str]] = {}

    def resolve(self, operation: AbstractOperation) -> Resolution:
        self._methods.setdefault(operation.path, set()).add(operation.method.upper())
        path = f"{operation.router_controller}.{operation.operation_id}"
        if path not in self._wrapped:
            self._wrapped[path] = self._wrap(operation, path)
        return Resolution(self._wrapped[path], operation.operation_id)

    def _wrap(self, operation: AbstractOperation, path: str) -> Callable[..., Any]:
        module_name, _, name = path.rpartition(".")
        function = getattr(importlib.import_module(module_name), name, None)
        if function is None:
            raise ResolverError(f"the contract names the operation {name}, and {module_name} has no such function")
        self.functions.add(function)
        return _around(function, Operation(name, operation.method, operation))

    def methods_of(self, path: str) -> list[str]:
        """The methods that the contract has for this path, of a request, whichever of its templates it fits."""
        found: set[str] = set()
        for template, methods in self._methods.items():
            segments = ("[^/]+" if "{" in part else re.escape(part) for part in template.split("/"))
            if re.fullmatch("/".join(segments), path):
                found |= methods
        return sorted(found)

    def refuse_orphans(self, service: str) -> None:
        """ResolverError when a public function of an api module has no operation in the contract."""
        package = importlib.import_module(f"services.{service}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "api" not in found.name.split("."):
                continue
            module = importlib.import_module(found.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                own = function.__module__ == module.__name__ and not name.startswith("_")
                if own and function not in self.functions:
                    raise ResolverError(f"{module.__name__}.{name} has no operation in the contract")


def _around(function: Callable[..., Any], operation: Operation) -> Callable[..., flask.Response]:
    @functools.wraps(function)
    def handler(**arguments: Any) -> flask.Response:
        flask.g.operation = operation
        pagination.begin_list(operation.name, arguments)
        with use_principal(_principal_of_request()):
            try:
                answer = _run(function, operation, operation.normalised(arguments))
            except Exception as error:
                answer = problem_response(as_problem(error))
            response_checks.check_sample(operation.name, operation.contract, answer)
            return answer

    return handler


def _principal_of_request() -> Principal | None:
    claims = context.get("token_info")
    if not claims:
        return None
    who = Principal.from_claims(claims)
    logs.bind(principal=who.subject)
    return who


def _run(function: Callable[..., Any], operation: Operation, arguments: dict[str, Any]) -> flask.Response:
    claim = _claim_key(operation) if operation.needs_key else None
    if claim is not None and claim.answer is not None:
        status, body, headers = claim.answer
        return flask.Response(body, status, {**headers, "Idempotent-Replayed": "true"})
    idempotency.bind(claim)
    try:
        return _in_unit_of_work(function, operation, arguments, claim)
    except Exception:
        if claim is not None:
            _release_quietly(claim)
        raise
    finally:
        idempotency.bind(None)


def _in_unit_of_work(
    function: Callable[..., Any],
    operation: Operation,
    arguments: dict[str, Any],
    claim: idempotency.Claim | None,
) -> flask.Response:
    with db.unit_of_work(reads_only=operation.is_safe):
        audit.start()
        answer = _as_response(function(**arguments))
        who = principal_or_none()
        if who is not None and who.is_internal and not operation.is_safe and not audit.has_recorded():
            audit.record(operation.name, flask.request.path)
        if claim is not None and answer.status_code < 400:
            kept = {name: value for name, value in answer.headers.items() if name in ("Location", "ETag")}
            idempotency.complete(claim, answer.status_code, answer.get_data(), kept | _type_of(answer))
    return answer


def _type_of(answer: flask.Response) -> dict[str, str]:
    return {"Content-Type": answer.content_type or "application/json"}


def _as_response(result: Any) -> flask.Response:
    """A handler's result (body, or body with status, or with headers too) as Flask's response."""
    body, status, headers = (*result, None, None)[:3] if isinstance(result, tuple) else (result, None, None)
    if isinstance(body, flask.Response):
        return flask.make_response((body, status, headers or {}))
    if body is None:
        empty = flask.Response(b"", status or 204, headers)
        del empty.headers["Content-Type"]
        return empty
    answer = flask.Response(flask.json.dumps(body), status or 200, mimetype="application/json")
    answer.headers.update(headers or {})
    return answer


def _claim_key(operation: Operation) -> idempotency.Claim:
    key = flask.request.headers.get(idempotency.HEADER)
    if not key:
        error = {"pointer": f"header/{idempotency.HEADER}", "detail": "missing"}
        raise BadRequest(f"send the header {idempotency.HEADER} with a new random value", errors=[error])
    who = principal_or_none()
    body = flask.request.get_json(silent=True)
    fingerprint = idempotency.request_hash([flask.request.path, body])
    return idempotency.claim(who.subject if who else "anonymous", operation.name, key, fingerprint)


def _release_quietly(claim: idempotency.Claim) -> None:
    try:
        idempotency.release(claim)
    except Exception as error:
        logs.get_logger(__name__).warning("key stays locked for a while", reason=type(error).__name__)


class ConstraintBroken(Conflict):
    slug, title = "constraint-broken", "That contradicts what is already stored"


class ChangedMeanwhile(Conflict):
    slug, title = "changed-meanwhile", "Somebody else changed it at the same moment"


def as_problem(error: Exception) -> Problem:
    """What the caller is told of an error; what is ours to mend is logged with its trace."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, IntegrityError):
        logs.get_logger(__name__).warning("constraint broken", exc_info=error)
        return ConstraintBroken("read it again and repeat the request if it still makes sense")
    if isinstance(error, StaleDataError):
        return ChangedMeanwhile("read it again and repeat the request if it still makes sense")
    if isinstance(error, DBAPIError | PoolTimeout) and db.is_disconnect(error):
        logs.get_logger(__name__).error("database away", reason=type(error).__name__)
        return Unavailable("the database is away for now; nothing was changed")
    if documents.is_unavailable(error):
        logs.get_logger(__name__).error("document database away", reason=type(error).__name__)
        return Unavailable("the document database is away for now; repeat the request in a moment")
    logs.get_logger(__name__).error(
        "unhandled error", error=type(error).__name__, trace="".join(traceback.format_exception(error))
    )
    return Problem("the error is logged under the request id of this answer")


def problem_response(problem: Problem) -> flask.Response:
    """A problem document as Flask's response."""
    document = problem.to_dict(logs.bound("request_id"))
    answer = flask.Response(flask.json.dumps(document), problem.status, mimetype=MEDIA_TYPE)
    answer.headers.update(problem.headers)
    return answer
