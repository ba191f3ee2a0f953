"""OpenTelemetry traces with W3C trace context from gateway to worker.

Spans are exported over OTLP when RECLOTHES_OTLP_ENDPOINT is set. Otherwise they only provide the ids for logs,
events and peers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from libs.chassis.settings import SettingsError


def configure(service: str, otlp_endpoint: str | None) -> None:
    """Configure the tracer. Raises SettingsError when an endpoint is set and the exporter is not installed."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if otlp_endpoint:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError:
            raise SettingsError(
                "RECLOTHES_OTLP_ENDPOINT is set. Install opentelemetry-exporter-otlp-proto-http."
            ) from None
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{otlp_endpoint}/v1/traces")))
    trace.set_tracer_provider(provider)


@contextmanager
def span(name: str, kind: SpanKind, carrier: Mapping[str, str] | None = None) -> Iterator[str]:
    """A span around the block, a child of the `traceparent` in `carrier`. Yields its trace id in hexadecimal."""
    parent = extract(dict(carrier or {}))
    with trace.get_tracer("reclothes").start_as_current_span(name, context=parent, kind=kind) as opened:
        yield format(opened.get_span_context().trace_id, "032x")


def outgoing_headers() -> dict[str, str]:
    """The `traceparent` (and `tracestate`) of the current span, for a peer or an event."""
    headers: dict[str, str] = {}
    inject(headers)
    return headers
