"""The worker takes messages from the service's queues and runs its handlers and periodic jobs.

Each queue has a thread, so that an idle long poll does not block the others. A message whose handler fails is
delivered again after a growing delay (its visibility time-out); after MAX_RECEIVES deliveries SQS moves it to the
dead-letter queue. On SIGTERM the current message is finished, and the others of its batch are returned.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kombu import Message
from opentelemetry.trace import SpanKind

from libs.chassis import cache, dead_letters, inbox, kombu_sqs, logs, metrics, topology, tracing
from libs.chassis.db import unit_of_work
from libs.chassis.events import EventRegistry, Job, QueueHandler
from libs.chassis.log_events import LogEvent
from libs.chassis.outbox_relay import Relay
from libs.chassis.settings import settings

MAX_DELAY_SECONDS = 300
STOP_SECONDS = 5.0
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 10.0


def retry_delay(receives: int) -> int:
    """Seconds until a message that failed is delivered again: 1, 2, 4, … with jitter, up to MAX_DELAY_SECONDS."""
    delay: int = min(2 ** (receives - 1), MAX_DELAY_SECONDS)
    return max(1, round(delay * random.uniform(0.75, 1.25)))  # noqa: S311 jitter, not a secret


class QueueConsumer:
    """Takes messages from one queue and passes the content of each to `handle`."""

    def __init__(self, queue: str, handle: Callable[[dict[str, Any]], None], stop: threading.Event) -> None:
        self._queue = queue
        self._handle = handle
        self._stop = stop
        self._log = logs.get_logger("worker")

    def run(self) -> None:
        pause = MIN_PAUSE_SECONDS
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                kombu_sqs.consume(self._queue, self._on_message, self._stop)
            except Exception as error:
                self._log.warning("queue unavailable", queue=self._queue, reason=type(error).__name__)
                was_available = time.monotonic() - began > 2 * MAX_PAUSE_SECONDS
                pause = MIN_PAUSE_SECONDS if was_available else min(pause * 2, MAX_PAUSE_SECONDS)
                self._stop.wait(pause)

    def _on_message(self, message: Message) -> None:
        if self._stop.is_set():
            kombu_sqs.return_to_queue(message, 0)
            return
        logs.clear()
        started = time.perf_counter()
        content = _read_content(message)
        if content is None:
            dead_letters.put(self._queue, kombu_sqs.raw_body(message))
            metrics.EVENTS.labels("in", self._queue, "dead").inc()
            message.ack()
            self._log.error("message", queue=self._queue, outcome="not a JSON object; moved to the dead letters")
            return
        try:
            self._handle(content)
        except Exception as error:
            delay = retry_delay(kombu_sqs.receive_count(message))
            self._log_outcome(content, "failed", started, retry_in_s=delay, exc_info=error)
            kombu_sqs.return_to_queue(message, delay)
            return
        message.ack()
        self._log_outcome(content, "handled", started)

    def _log_outcome(self, content: dict[str, Any], outcome: str, started: float, **more: Any) -> None:
        kind = content.get("type", self._queue)
        metrics.EVENTS.labels("in", kind, outcome).inc()
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        write = self._log.error if outcome == "failed" else self._log.info
        write("message", type=kind, event_id=content.get("id"), outcome=outcome, ms=milliseconds, **more)


def _read_content(message: Message) -> dict[str, Any] | None:
    """The JSON object in a message; None when it has none."""
    try:
        content = json.loads(message.body)
    except (ValueError, TypeError):
        return None
    return content if isinstance(content, dict) else None


def handle_event(registry: EventRegistry, document: dict[str, Any]) -> None:
    """Handle an event from the inbox queue as a part of the request and the trace that caused it."""
    if request_id := document.get("requestid"):
        logs.bind(request_id=request_id)
    with tracing.span(f"handle {document.get('type')}", SpanKind.CONSUMER, document) as trace_id:
        logs.bind(trace_id=trace_id)
        inbox.dispatch(registry, document)


def handle_work(handler: QueueHandler, envelope: dict[str, Any]) -> None:
    """Handle a message of a work queue in a unit of work; what SNS puts there has no envelope of ours."""
    if request_id := envelope.get("requestid"):
        logs.bind(request_id=request_id)
    with unit_of_work():
        handler(envelope.get("message", envelope))


class Scheduler:
    """Runs one periodic job, in one worker at a time while Redis is available."""

    def __init__(self, domain: str, job: Job, stop: threading.Event) -> None:
        self._job = job
        self._stop = stop
        self._lock = f"job:{domain}:{job.name}"
        self._log = logs.get_logger("scheduler")

    def run(self) -> None:
        while not self._stop.wait(self._job.seconds):
            logs.clear()
            if cache.claim(self._lock, seconds=self._job.seconds * 0.9):
                self.run_once()

    def run_once(self) -> None:
        try:
            with unit_of_work():
                self._job.run()
        except Exception as error:
            self._log.error(LogEvent.JOB_FAILED, job=self._job.name, exc_info=error)


def create_threads(registry: EventRegistry, stop: threading.Event) -> list[threading.Thread]:
    """A thread for each queue and each job of the service."""
    targets: dict[str, Callable[[], None]] = {}
    if registry.handlers:
        name = topology.queue_name(registry.domain)
        targets[name] = QueueConsumer(name, partial(handle_event, registry), stop).run
    for queue, handler in registry.queues.items():
        name = topology.queue_name(registry.domain, queue)
        targets[name] = QueueConsumer(name, partial(handle_work, handler), stop).run
    for job in registry.jobs:
        targets[job.name] = Scheduler(registry.domain, job, stop).run
    return [threading.Thread(target=target, name=name, daemon=True) for name, target in targets.items()]


def run(registry: EventRegistry, *, consume: bool = True, with_relay: bool = False) -> None:
    """Run the consumers and jobs, the relay, or both, until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = create_threads(registry, stop) if consume else []
    if with_relay:
        threads.append(threading.Thread(target=Relay(registry, stop).run, name="relay", daemon=True))
    for thread in threads:
        thread.start()
    while not stop.wait(1.0):
        _write_heartbeat()
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead:
            logs.get_logger("worker").critical("thread died; the process exits to be restarted", threads=dead)
            raise SystemExit(1)
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))


def _write_heartbeat() -> None:
    if file := settings().heartbeat_file:
        Path(file).touch()
