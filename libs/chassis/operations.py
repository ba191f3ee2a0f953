"""What happens around every handler: principal, unit of work, idempotency, audit, errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flask
from connexion.context import context
from connexion.operations import AbstractOperation

from libs.chassis import audit, db, idempotency, logs, pagination, response_checks, text_normalization
from libs.chassis.error_responses import as_problem, to_flask_response
from libs.chassis.problems import BadRequest
from libs.chassis.security import Principal, principal_or_none, use_principal

SAFE_METHODS = ("get", "head", "options")


@dataclass
class Operation:
    """An operation of the contract."""

    name: str
    method: str
    contract: AbstractOperation

    @property
    def is_safe(self) -> bool:
        return self.method in SAFE_METHODS

    @cached_property
    def needs_key(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return any(
            parameter["in"] == "header" and parameter["name"].lower() == idempotency.HEADER.lower()
            for parameter in self.contract.parameters
        )

    @cached_property
    def _schemas(self) -> dict[str, dict[str, Any]]:
        """The schemas of the handler's arguments that can hold texts of people, by the argument's name."""
        parameters = (parameter for parameter in self.contract.parameters if parameter["in"] == "query")
        schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
        return schemas | ({"body": self.contract.body_schema()} if self.contract.request_body else {})

    def normalise(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the handler with their texts in the normal form that was validated."""
        schemas = self._schemas
        return {
            name: text_normalization.normalise_value(schemas[name], value) if name in schemas else value
            for name, value in arguments.items()
        }


def wrap_handler(function: Callable[..., Any], operation: Operation) -> Callable[..., flask.Response]:
    """The handler as Connexion calls it."""

    @functools.wraps(function)
    def handler(**arguments: Any) -> flask.Response:
        flask.g.operation = operation
        pagination.begin_list(operation.name, arguments)
        with use_principal(_read_principal()):
            try:
                response = _run(function, operation, operation.normalise(arguments))
            except Exception as error:
                response = to_flask_response(as_problem(error))
            response_checks.check_sample(operation.name, operation.contract, response)
            return response

    return handler


def _read_principal() -> Principal | None:
    claims = context.get("token_info")
    if not claims:
        return None
    caller = Principal.from_claims(claims)
    logs.bind(principal=caller.subject)
    return caller


def _run(function: Callable[..., Any], operation: Operation, arguments: dict[str, Any]) -> flask.Response:
    claim = _claim_key(operation) if operation.needs_key else None
    if claim is not None and claim.response is not None:
        status, body, headers = claim.response
        return flask.Response(body, status, {**headers, "Idempotent-Replayed": "true"})
    idempotency.bind(claim)
    try:
        return _run_in_unit_of_work(function, operation, arguments, claim)
    except Exception:
        if claim is not None:
            _release_quietly(claim)
        raise
    finally:
        idempotency.bind(None)


def _run_in_unit_of_work(
    function: Callable[..., Any],
    operation: Operation,
    arguments: dict[str, Any],
    claim: idempotency.Claim | None,
) -> flask.Response:
    with db.unit_of_work(reads_only=operation.is_safe):
        audit.start()
        response = _to_response(function(**arguments))
        caller = principal_or_none()
        if caller is not None and caller.is_internal and not operation.is_safe and not audit.has_recorded():
            audit.record(operation.name, flask.request.path)
        if claim is not None and response.status_code < 400:
            headers = {name: value for name, value in response.headers.items() if name in ("Location", "ETag")}
            headers["Content-Type"] = response.content_type or "application/json"
            idempotency.complete(claim, response.status_code, response.get_data(), headers)
    return response


def _to_response(result: Any) -> flask.Response:
    """A handler's result (body, or body with status, or with headers too) as Flask's response."""
    body, status, headers = (*result, None, None)[:3] if isinstance(result, tuple) else (result, None, None)
    if isinstance(body, flask.Response):
        return flask.make_response((body, status, headers or {}))
    if body is None:
        empty = flask.Response(b"", status or 204, headers)
        del empty.headers["Content-Type"]
        return empty
    response = flask.Response(flask.json.dumps(body), status or 200, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def _claim_key(operation: Operation) -> idempotency.Claim:
    key = flask.request.headers.get(idempotency.HEADER)
    if not key:
        error = {"pointer": f"header/{idempotency.HEADER}", "detail": "missing"}
        raise BadRequest(f"Send the header {idempotency.HEADER} with a new random value.", errors=[error])
    caller = principal_or_none()
    body = flask.request.get_json(silent=True)
    fingerprint = idempotency.request_hash([flask.request.path, body])
    return idempotency.claim(caller.subject if caller else "anonymous", operation.name, key, fingerprint)


def _release_quietly(claim: idempotency.Claim) -> None:
    try:
        idempotency.release(claim)
    except Exception as error:
        logs.get_logger(__name__).warning("idempotency key stays leased", reason=type(error).__name__)
