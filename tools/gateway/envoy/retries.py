"""When a gateway asks a service again, so that a restart of a service is not seen."""

from __future__ import annotations

from typing import Any

# Safe for every method: the request did not reach the service.
RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
# What may be asked twice is also asked again when the connection breaks under it.
RETRY_IDEMPOTENT = f"{RETRY_UNSENT},reset"


def retry_policy(retry_on: str, answer_seconds: float) -> dict[str, Any]:
    """Six more attempts after 0.1 s, 0.3 s, 0.7 s, then 1 s at most each, every wait a random part of that.

    One attempt may take all of `answer_seconds`: a service that hangs is not asked again, only one that refused.
    """
    return _retries(retry_on, "1s") | {"per_try_timeout": f"{answer_seconds}s"}


def exchange_retry_policy(timeout_seconds: float) -> dict[str, Any]:
    """The same for the exchange, whose policy is of another type of Envoy's, without a limit for one attempt.

    Envoy uses the longest interval between two attempts as that limit (`convertCoreToRouteRetryPolicy`), so the
    interval is as long as the whole exchange may take.
    """
    return _retries(RETRY_IDEMPOTENT, f"{timeout_seconds}s")


def _retries(retry_on: str, max_interval: str) -> dict[str, Any]:
    return {
        "retry_on": retry_on,
        "num_retries": 6,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": max_interval},
    }
