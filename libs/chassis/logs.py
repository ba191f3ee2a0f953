"""Structured logs: one JSON object per line on stdout, with the service and the request.

Bound by the chassis: `service`, `request_id`, `trace_id`, `principal`. Never logged: tokens, bodies, query
strings, personal data.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

get_logger = structlog.get_logger


def configure(service: str, level: str = "INFO") -> None:
    """Write the logs of the process and its libraries to stdout as JSON."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _with_service(service),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for noisy in (
        "botocore",
        "boto3",
        "urllib3",
        "httpx",
        "httpcore",
        "kombu",
        "connexion",
        "uvicorn.access",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _with_service(service: str) -> Any:
    def add(_logger: Any, _method: str, entry: dict[str, Any]) -> dict[str, Any]:
        entry["service"] = service
        return entry

    return add


def bind(**values: Any) -> None:
    """Add these fields to every line of the current request or message."""
    structlog.contextvars.bind_contextvars(**values)


def bound(name: str) -> str | None:
    """A value bound earlier in the current request or message, such as `request_id`."""
    value = structlog.contextvars.get_contextvars().get(name)
    return None if value is None else str(value)


def clear() -> None:
    structlog.contextvars.clear_contextvars()
