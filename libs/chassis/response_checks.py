"""In production a sample of the responses is checked against the contract; violations are logged and counted only.

Outside production each response is checked, and one that violates its contract is a 500 (`connexion_adapter.py`).
"""

from __future__ import annotations

import json
import random
from typing import Any

import flask
from connexion.operations import AbstractOperation

from libs.chassis import logs, metrics
from libs.chassis.log_events import LogEvent
from libs.chassis.settings import settings
from libs.chassis.validation import compile_schema, find_errors


def check_sample(name: str, contract: AbstractOperation, response: flask.Response) -> None:
    """Check a response of the operation `name` if it is in the sample. Errors of the check are logged only."""
    chosen = settings()
    if not chosen.is_production or random.random() * 100 >= chosen.response_check_percent:  # noqa: S311 a sample
        return
    log = logs.get_logger(__name__)
    try:
        errors = find_violations(contract, response)
    except Exception as error:
        log.warning("response not checked", operation=name, exc_info=error)
        return
    if errors:
        metrics.CONTRACT_VIOLATIONS.labels(name).inc()
        log.error(LogEvent.CONTRACT_VIOLATED, operation=name, status=response.status_code, errors=errors)


def find_violations(contract: AbstractOperation, response: flask.Response) -> list[dict[str, str]]:
    """Where a response differs from its contract: status, media type, required headers, body."""
    status, media_type = str(response.status_code), response.mimetype or ""
    if status not in contract.responses and "default" not in contract.responses:
        return [{"pointer": "status", "detail": f"{status} is not defined for this operation"}]
    definition: dict[str, Any] = contract.response_definition(status, media_type)
    required = [name for name, header in definition.get("headers", {}).items() if header.get("required")]
    missing = [name for name in required if name not in response.headers]
    errors = [{"pointer": f"header/{name}", "detail": "missing"} for name in missing]
    contents = definition.get("content", {})
    if not contents:
        return errors
    if media_type not in contents:
        return [*errors, {"pointer": "header/Content-Type", "detail": f"not {' or '.join(contents)}"}]
    if media_type.endswith("json") and not response.is_streamed:
        schema = contract.response_schema(status, media_type)
        errors += find_errors(compile_schema(schema), json.loads(response.get_data()))
    return errors
