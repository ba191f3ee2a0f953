"""Retries of requests to services, which hide the restart of a service."""

from __future__ import annotations

from typing import Any

# Safe for every method: the request did not reach the service.
RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
# Idempotent requests are also repeated when the connection breaks.
RETRY_IDEMPOTENT = f"{RETRY_UNSENT},reset"


def retry_policy(retry_on: str, response_seconds: float) -> dict[str, Any]:
    """Six more attempts after random pauses of up to 0.1 s, 0.3 s, 0.7 s, then 1 s.

    One attempt may take all of `response_seconds`, so a request to a hanging service is not repeated.
    """
    return _retries(retry_on, "1s") | {"per_try_timeout": f"{response_seconds}s"}


def exchange_retry_policy(timeout_seconds: float) -> dict[str, Any]:
    """The same for the token exchange, whose retry policy has another type without a limit for one attempt.

    Envoy uses the maximum pause as that limit (`convertCoreToRouteRetryPolicy`), so it is as long as the whole
    exchange may take.
    """
    return _retries(RETRY_IDEMPOTENT, f"{timeout_seconds}s")


def _retries(retry_on: str, max_interval: str) -> dict[str, Any]:
    return {
        "retry_on": retry_on,
        "num_retries": 6,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": max_interval},
    }
