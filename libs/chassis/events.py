"""Events that a service publishes and handles, and its work queues and periodic jobs.

An event is CloudEvents 1.0 JSON. Publishing adds it to the outbox in the current transaction (`outbox_relay.py`).
Delivery is at least once; `inbox.py` makes handlers idempotent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import jsonschema_rs
from typing_extensions import TypeVar

from libs.chassis import clock, logs, tracing
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.settings import ROOT
from libs.chassis.tables import OutboxRow

if TYPE_CHECKING:
    from libs.chassis.consistency import Check, Describe

SCHEMAS = ROOT / "openapi" / "events"
AUDIT_RECORDED = "audit.recorded.v1"  # every domain publishes it, as <domain>.audit.recorded.v1
MAX_BYTES = 60_000  # below the limits of a TEXT column of MySQL (64 KiB) and of SNS (256 KiB)


# One of `libs/chassis/event_types.py`.
Data = TypeVar("Data", bound=Mapping[str, Any], default=dict[str, Any])


class EventError(ValueError):
    """The event has no schema, belongs to another domain, or its data does not match its schema."""


class PartiallyHandled(LookupError):
    """Raised by a handler for an event that it could only handle in part, so that the event is redelivered.

    The transaction of the handler is committed.
    """


@dataclass(frozen=True)
class Event(Generic[Data]):
    """A received event. `version` orders the events of one subject."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    data: Data
    version: int = 1
    traceparent: str | None = None
    request_id: str | None = None

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Event[Data]:
        """Read CloudEvents JSON. Raises KeyError when an attribute is missing."""
        return cls(
            id=document["id"],
            type=document["type"],
            source=document["source"],
            subject=document["subject"],
            time=document["time"],
            data=document["data"],
            version=int(document.get("aggregateversion", 1)),
            traceparent=document.get("traceparent"),
            request_id=document.get("requestid"),
        )


Handler = Callable[[Event[Any]], None]
QueueHandler = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """A function that the worker runs every `seconds`, in its own unit of work."""

    name: str
    seconds: float
    run: Callable[[], None]


@dataclass
class EventRegistry:
    """One service's events, work queues and periodic jobs."""

    domain: str
    handlers: dict[str, list[Handler]] = field(default_factory=dict)
    queues: dict[str, QueueHandler] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    descriptions: dict[str, Describe] = field(default_factory=dict)

    @cached_property
    def published(self) -> frozenset[str]:
        """The event types of this domain: those with a schema in `openapi/events/`, and its audit events."""
        own = {path.stem for path in SCHEMAS.glob(f"{self.domain}.*.json")}
        return frozenset(own | {f"{self.domain}.{AUDIT_RECORDED}"})

    def handles(self, event_type: str) -> Callable[[Handler], Handler]:
        """Run the decorated function once for each event of this type."""

        def register(handler: Handler) -> Handler:
            others = self.handlers.setdefault(event_type, [])
            if handler.__name__ in {other.__name__ for other in others}:
                # The inbox identifies handlers by name: the second one would never run.
                raise EventError(
                    f"{event_type} already has a handler called {handler.__name__}. Rename one of them."
                )
            others.append(handler)
            return handler

        return register

    def consumes(self, queue: str) -> Callable[[QueueHandler], QueueHandler]:
        """Run the decorated function for each message of a work queue of the service; it must be idempotent."""

        def register(handler: QueueHandler) -> QueueHandler:
            if queue in self.queues:
                raise EventError(f"{self.domain} already has a handler of the queue {queue}.")
            self.queues[queue] = handler
            return handler

        return register

    def every(self, *, seconds: float) -> Callable[[Callable[[], None]], Callable[[], None]]:
        """Run the decorated function every `seconds` in one worker, in a unit of work; it must be idempotent."""

        def register(job: Callable[[], None]) -> Callable[[], None]:
            if job.__name__ in {other.name for other in self.jobs}:
                raise EventError(f"{self.domain} already has a job called {job.__name__}. Rename one of them.")
            self.jobs.append(Job(job.__name__, seconds, job))
            return job

        return register

    def describes(self, *prefixes: str) -> Callable[[Describe], Describe]:
        """Use the decorated function to publish the current state of subjects whose ids have these prefixes."""

        def register(describe: Describe) -> Describe:
            self.descriptions |= dict.fromkeys(prefixes, describe)
            return describe

        return register

    def publish(self, event_type: str, *, subject: str, data: Mapping[str, Any], version: int = 1) -> None:
        """Add an event to the outbox in the current transaction.

        Inside `collect()` the event is returned to the caller instead. Raises EventError when `data` does not match
        the schema of the event type.
        """
        if event_type not in self.published:
            raise EventError(f"{self.domain} has no event {event_type}. Add openapi/events/{event_type}.json.")
        _check(event_type, data)
        event_id = new_id("evt")
        document = {
            "specversion": "1.0",
            "id": event_id,
            "type": event_type,
            "source": f"/reclothes/{self.domain}",
            "subject": subject,
            "time": clock.rfc3339(clock.now()),
            "datacontenttype": "application/json",
            "aggregateversion": version,
            "data": data,
        }
        document |= tracing.outgoing_headers()
        if request_id := logs.bound("request_id"):
            document["requestid"] = request_id
        collecting = _collecting.get()
        if collecting is not None:
            collecting.append(document)
            return
        body = as_json(document)
        if (size := len(body.encode())) > MAX_BYTES:
            raise EventError(f"{event_type} of {subject} has {size} bytes. The maximum is {MAX_BYTES}.")
        session().add(
            OutboxRow(
                event_id=event_id,
                type=event_type,
                subject=subject,
                version=version,
                body=body,
                created_at=clock.now(),
            )
        )


def as_json(document: Any) -> str:
    """JSON in UTF-8, as it is sent; SQS accepts all characters except these two (API reference, SendMessage)."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


_collecting: ContextVar[list[dict[str, Any]] | None] = ContextVar("collecting_events", default=None)


@contextmanager
def collect() -> Iterator[list[dict[str, Any]]]:
    """Inside the block, published events are added to the list and not to the outbox."""
    documents: list[dict[str, Any]] = []
    token = _collecting.set(documents)
    try:
        yield documents
    finally:
        _collecting.reset(token)


def schema_file(event_type: str) -> Path:
    """The schema of an event's data; all `<domain>.audit.recorded.v1` share one."""
    name = AUDIT_RECORDED if event_type.endswith(f".{AUDIT_RECORDED}") else event_type
    return SCHEMAS / f"{name}.json"


@lru_cache(maxsize=256)
def _validator(event_type: str) -> Any:
    schema = json.loads(schema_file(event_type).read_text())
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def _check(event_type: str, data: Mapping[str, Any]) -> None:
    for error in _validator(event_type).iter_errors(data):
        where = "/".join(map(str, error.instance_path))
        raise EventError(f"{event_type}: data/{where}: {error.message}")
