"""The share of failed requests after a roll-out, from the metric `reclothes_request_seconds` in Prometheus.

The pods of a service are in the namespace of its name, which Prometheus adds as a label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import httpx

MAX_ERROR_RATE = 0.02
WATCH_SECONDS = 180
PAUSE_SECONDS = 15
QUERY = (
    'sum by (namespace) (rate(reclothes_request_seconds_count{{namespace=~"{services}",status=~"5.."}}[2m]))'
    ' / sum by (namespace) (rate(reclothes_request_seconds_count{{namespace=~"{services}"}}[2m]))'
)


def watch(
    prometheus_url: str,
    services: Sequence[str],
    *,
    seconds: float = WATCH_SECONDS,
    pause: Callable[[float], None] = time.sleep,
    transport: httpx.BaseTransport | None = None,
) -> str | None:
    """Watch the error rate for a while; returns the first problem as a sentence, or None.

    A service without requests is healthy. An unavailable Prometheus is a problem: a deployment that cannot be
    watched is rolled back.
    """
    with httpx.Client(base_url=prometheus_url, timeout=10.0, transport=transport) as client:
        for _ in range(max(1, round(seconds / PAUSE_SECONDS))):
            problem = _problem(client, services)
            if problem is not None:
                return problem
            pause(PAUSE_SECONDS)
    return None


def _problem(client: httpx.Client, services: Sequence[str]) -> str | None:
    try:
        response = client.get("/api/v1/query", params={"query": QUERY.format(services="|".join(services))})
        response.raise_for_status()
        series = response.json()["data"]["result"]
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return f"the error rate cannot be read from Prometheus: {error}"
    for one in series:
        rate = float(one["value"][1])
        if rate > MAX_ERROR_RATE:  # NaN (no requests) is not greater
            return (
                f"{rate:.1%} of the requests to {one['metric']['namespace']} fail, more than {MAX_ERROR_RATE:.0%}"
            )
    return None
