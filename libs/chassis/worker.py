"""The worker takes messages from the service's queues and runs its handlers and periodic jobs.

A thread a queue, so that one idle long poll does not hold the others up. A message whose handler fails comes back
after a growing delay (its visibility time-out) and, after MAX_RECEIVES tries, SQS moves it to the dead-letter
queue. SIGTERM lets the message in hand finish and gives the others of its batch back at once.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kombu import Consumer, Message, Queue
from opentelemetry.trace import SpanKind

from libs.chassis import cache, dead_letters, events, logs, messaging, metrics, outbox_relay, topology, tracing
from libs.chassis.db import unit_of_work
from libs.chassis.events import EventRegistry, Job
from libs.chassis.log_events import LogEvent
from libs.chassis.settings import settings

MAX_DELAY_SECONDS = 300
STOP_SECONDS = 5.0


def retry_delay(receives: int) -> int:
    """Seconds until a message that failed comes back: 1, 2, 4, … with jitter, five minutes at most."""
    longest: int = min(2 ** (receives - 1), MAX_DELAY_SECONDS)
    return max(1, round(longest * random.uniform(0.75, 1.25)))  # noqa: S311 jitter, not a secret


class QueueConsumer:
    """Takes messages from one queue and gives each one's content to `handle`."""

    def __init__(self, queue: str, handle: Callable[[dict[str, Any]], None], stop: threading.Event) -> None:
        self._queue = queue
        self._handle = handle
        self._stop = stop
        self._log = logs.get_logger("worker")

    def run(self) -> None:
        pause = 0.5
        while not self._stop.is_set():
            try:
                self._consume()
                pause = 0.5
            except Exception as error:
                self._log.warning("queue away", queue=self._queue, reason=type(error).__name__)
                outbox_relay.outage.note()
                messaging.forget_queues()
                self._stop.wait(pause)
                pause = min(pause * 2, 10.0)

    def _consume(self) -> None:
        with messaging.connection(self._queue, wait_seconds=1) as broker:
            consumer = Consumer(
                broker, [Queue(self._queue)], on_message=self._on_message, prefetch_count=10, accept=["json"]
            )
            # What is left over comes back by its visibility time-out; Kombu would write it to a file in /tmp.
            consumer.channel.qos.restore_at_shutdown = False
            with consumer:
                while not self._stop.is_set():
                    try:
                        broker.drain_events(timeout=1)
                    except TimeoutError:
                        continue

    def _on_message(self, message: Message) -> None:
        if self._stop.is_set():
            self._give_back(message, 0)
            return
        logs.clear()
        started = time.perf_counter()
        content = _content_of(message)
        if content is None:
            dead_letters.put(self._queue, _received(message)["Body"])
            metrics.EVENTS.labels("in", self._queue, "buried").inc()
            message.ack()
            self._log.error("message", queue=self._queue, outcome="not a JSON object; moved to the dead letters")
            return
        try:
            self._handle(content)
        except Exception as error:
            delay = retry_delay(int(_received(message)["Attributes"]["ApproximateReceiveCount"]))
            self._log_outcome(content, "failed", started, comes_back_s=delay, exc_info=error)
            self._give_back(message, delay)
            return
        message.ack()
        self._log_outcome(content, "handled", started)

    def _give_back(self, message: Message, delay: int) -> None:
        """Let the message come back in `delay` seconds; SQS counts its receives and ends with the dead letters."""
        try:
            topology.aws("sqs").change_message_visibility(
                QueueUrl=message.delivery_info["sqs_queue"],
                ReceiptHandle=_received(message)["ReceiptHandle"],
                VisibilityTimeout=delay,
            )
        finally:
            # Kombu deletes nothing here, because the queue has a redrive policy; it frees the consumer's place.
            message.reject(requeue=False)

    def _log_outcome(self, content: dict[str, Any], outcome: str, started: float, **more: Any) -> None:
        kind = content.get("type", self._queue)
        metrics.EVENTS.labels("in", kind, outcome).inc()
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        write = self._log.error if outcome == "failed" else self._log.info
        write("message", type=kind, event_id=content.get("id"), outcome=outcome, ms=milliseconds, **more)


def _received(message: Message) -> dict[str, Any]:
    """The message as SQS gave it."""
    received: dict[str, Any] = message.delivery_info["sqs_message"]
    return received


def _content_of(message: Message) -> dict[str, Any] | None:
    """The JSON object in a message; None when it has none."""
    try:
        content = json.loads(message.body)
    except (ValueError, TypeError):
        return None
    return content if isinstance(content, dict) else None


def handle_event(registry: EventRegistry, document: dict[str, Any]) -> None:
    """One event from the inbox queue, with the request and the trace it came from."""
    if request_id := document.get("requestid"):
        logs.bind(request_id=request_id)
    with tracing.span(f"handle {document.get('type')}", SpanKind.CONSUMER, document) as trace_id:
        logs.bind(trace_id=trace_id)
        events.dispatch(registry, document)


def handle_work(handler: events.QueueHandler, envelope: dict[str, Any]) -> None:
    """One message of a work queue, in a unit of work; what SNS put there comes without our envelope."""
    if request_id := envelope.get("requestid"):
        logs.bind(request_id=request_id)
    with unit_of_work():
        handler(envelope.get("message", envelope))


class Scheduler:
    """Runs one periodic job: in one worker at a time, as long as Redis is there to tell."""

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


def threads_of(registry: EventRegistry, stop: threading.Event) -> list[threading.Thread]:
    """A thread for each queue and each job of the service."""
    inbox = topology.queue_name(registry.domain)
    targets: list[tuple[str, Callable[[], None]]] = []
    if registry.handlers:
        consumer = QueueConsumer(inbox, lambda document: handle_event(registry, document), stop)
        targets.append((inbox, consumer.run))
    for queue, handler in registry.queues.items():
        name = topology.queue_name(registry.domain, queue)
        targets.append((name, QueueConsumer(name, _work_with(handler), stop).run))
    targets += [(job.name, Scheduler(registry.domain, job, stop).run) for job in registry.jobs]
    return [threading.Thread(target=target, name=name, daemon=True) for name, target in targets]


def _work_with(handler: events.QueueHandler) -> Callable[[dict[str, Any]], None]:
    return lambda envelope: handle_work(handler, envelope)


def run(registry: EventRegistry, *, consume: bool = True, with_relay: bool = False) -> None:
    """Work until SIGTERM or SIGINT: the consumers, the jobs, and the relay when asked."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = threads_of(registry, stop) if consume else []
    if with_relay:
        threads.append(threading.Thread(target=outbox_relay.run, args=(registry, stop), name="relay", daemon=True))
    for thread in threads:
        thread.start()
    while not stop.wait(1.0):
        _beat()
        dead = [thread.name for thread in threads if not thread.is_alive()]
        if dead:
            logs.get_logger("worker").critical("thread died; the process ends to be started again", threads=dead)
            raise SystemExit(1)
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))


def _beat() -> None:
    if file := settings().heartbeat_file:
        Path(file).touch()
