"""How many requests fail after a roll-out, as Prometheus counts them (the chassis' `reclothes_request_seconds`).

A service's pods are in the namespace of its name, which Prometheus adds as a label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import httpx

HIGHEST_RATE = 0.02
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
    """Look at the services for a while; the first thing that is wrong, as a sentence, or None.

    A service without requests is well. Prometheus that cannot be asked is not: a release that nobody can watch goes
    back.
    """
    with httpx.Client(base_url=prometheus_url, timeout=10.0, transport=transport) as client:
        for _ in range(max(1, round(seconds / PAUSE_SECONDS))):
            fault = _fault(client, services)
            if fault is not None:
                return fault
            pause(PAUSE_SECONDS)
    return None


def _fault(client: httpx.Client, services: Sequence[str]) -> str | None:
    try:
        answer = client.get("/api/v1/query", params={"query": QUERY.format(services="|".join(services))})
        answer.raise_for_status()
        found = answer.json()["data"]["result"]
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return f"the error rate is not known: {error}"
    for one in found:
        rate = float(one["value"][1])
        if rate > HIGHEST_RATE:  # NaN, which no requests give, is not
            return f"{rate:.1%} of the requests to {one['metric']['namespace']} fail, more than {HIGHEST_RATE:.0%}"
    return None
