"""When a gateway asks a service again, so that a restart of a service is not seen."""

from __future__ import annotations

from typing import Any

# Safe for every method: the request did not reach the service.
RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
# What may be asked twice is also asked again when the connection breaks under it.
RETRY_IDEMPOTENT = f"{RETRY_UNSENT},reset"


def retry_policy(retry_on: str) -> dict[str, Any]:
    """Six more attempts after 0.1 s, 0.3 s, 0.7 s, then 1 s at most each, every wait a random part of that."""
    return {
        "retry_on": retry_on,
        "num_retries": 6,
        "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
    }
