"""Prometheus metrics of a process, at /metrics of every service; the gateways do not expose it."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)

REQUESTS = Histogram(
    "reclothes_request_seconds",
    "Duration of requests, in seconds",
    ["method", "operation", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
EVENTS = Counter(
    "reclothes_events_total", "Events by direction, type and outcome", ["direction", "type", "outcome"]
)
CONTRACT_VIOLATIONS = Counter(
    "reclothes_contract_violations_total", "Sampled responses that differ from their contract", ["operation"]
)
CIRCUITS_OPENED = Counter(
    "reclothes_circuits_opened_total", "Number of times that the circuit of a dependency opened", ["dependency"]
)
CONSISTENCY = Counter(
    "reclothes_consistency_total", "Stuck states between domains by check and outcome", ["check", "outcome"]
)
PEER_CALLS = Counter("reclothes_peer_calls_total", "Calls to other services", ["peer", "outcome"])
JOB_ITEMS_FAILED = Counter(
    "reclothes_job_items_failed_total", "Items that a periodic job could not process", ["job"]
)
ROWS_OMITTED = Counter(
    "reclothes_rows_omitted_total", "Rows omitted from a page because they cannot be read or shown", ["table"]
)


def render() -> tuple[bytes, str]:
    """The metrics in the text format, and its content type; those of all web processes when there are several."""
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
