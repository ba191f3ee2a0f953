"""Disturb messaging: duplicate, delay, reorder and withhold events, and pause workers.

Its own queue receives every event of the services. Some are published again at a random later time, all of them
once more at the end. A message is withheld as by a worker that receives it and crashes.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import signal
import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from libs.chassis.topology import queue_name, topic_name
from tools.demo.people import wait_for
from tools.local_platform.environment import REGION, aws_credentials
from tools.local_platform.layout import Layout
from tools.local_platform.supervision import control
from tools.project import SERVICES

PREFIX = "reclothes"
LATER = ((0.0, 0.5), (1.0, 4.0), (5.0, 25.0))  # seconds: immediately, soon, or after later events
REPEAT_PROBABILITY = 0.5  # the share of events that is repeated during the walk; at the end all are
MAX_RECEIVES = 3  # a message withheld this often is left alone, since its delay grows each time
PAUSES = (0.5, 3.0)
BATCH_SIZE = 10
NEW_ID_SHARE = 0.5  # the share of duplicates with another id, as after a crash between two stores


@dataclass(frozen=True)
class ReceivedEvent:
    """An event as it was published."""

    id: str
    type: str
    body: str

    @property
    def domain(self) -> str:
        return self.type.split(".")[0]


class Disturber:
    """Disturbs the platform of `layout` inside a `with` block. What it does is chosen by `seed`."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self._layout = layout
        self._random = random.Random(seed)
        self._seed = seed
        self._sqs, self._sns = self._client("sqs"), self._client("sns")
        self._tap = ""
        self._subscriptions: list[str] = []
        self._topics: dict[str, str] = {}
        self._received: dict[str, ReceivedEvent] = {}
        self._duplicates: dict[str, str] = {}
        self._republished: list[ReceivedEvent] = []
        self._receipts: Counter[str] = Counter()
        self._later: list[tuple[float, int, ReceivedEvent]] = []
        self._lock, self._pausing = threading.Lock(), threading.Lock()
        self._over, self._calm = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._faults: list[str] = []
        self.pauses: Counter[str] = Counter()
        self.kept_back: Counter[str] = Counter()

    def _client(self, service: str) -> Any:
        known = aws_credentials()
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=self._layout.aws_url,
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        )

    def __enter__(self) -> Self:
        name = f"tap-{uuid.uuid4().hex[:8]}"
        self._tap = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._tap, AttributeNames=["QueueArn"])["Attributes"]
        for domain in SERVICES:
            self._topics[domain] = self._sns.create_topic(Name=topic_name(domain, PREFIX))["TopicArn"]
            made = self._sns.subscribe(
                TopicArn=self._topics[domain],
                Protocol="sqs",
                Endpoint=arn["QueueArn"],
                Attributes={"RawMessageDelivery": "true"},
                ReturnSubscriptionArn=True,
            )
            self._subscriptions.append(made["SubscriptionArn"])
        loops = {"tap": self._listen, "again": self._send_what_is_due, "trouble": self._make_trouble}
        self._threads = [
            threading.Thread(target=self._until_over, args=(loop,), name=name, daemon=True)
            for name, loop in loops.items()
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_what: object) -> None:
        self._calm.set()
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        for subscription in self._subscriptions:
            self._sns.unsubscribe(SubscriptionArn=subscription)
        self._sqs.delete_queue(QueueUrl=self._tap)

    def _until_over(self, loop: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                loop()
            except (BotoCoreError, ClientError, OSError):
                self._over.wait(0.5)  # the emulator is busy
            except Exception:
                self._faults.append(traceback.format_exc())
                return

    def _listen(self) -> None:
        response = self._sqs.receive_message(QueueUrl=self._tap, MaxNumberOfMessages=BATCH_SIZE, WaitTimeSeconds=1)
        messages = response.get("Messages", [])
        for message in messages:
            self._receive(message["Body"])
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self._tap, Entries=entries)

    def _receive(self, body: str) -> None:
        document = json.loads(body)
        with self._lock:
            event_id = self._duplicates.get(document["id"], document["id"])
            self._receipts[event_id] += 1
            if event_id in self._received:
                return
            event = ReceivedEvent(document["id"], document["type"], body)
            self._received[event.id] = event
            if self._random.random() < REPEAT_PROBABILITY and not self._calm.is_set():
                self._plan(event, self._random.uniform(*self._random.choice(LATER)))

    def _plan(self, event: ReceivedEvent, seconds: float) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, len(self._received), event))

    def _send_what_is_due(self) -> None:
        with self._lock:
            due: list[ReceivedEvent] = []
            while self._later and self._later[0][0] <= time.monotonic() and len(due) < BATCH_SIZE:
                due.append(heapq.heappop(self._later)[2])
        for domain in {event.domain for event in due}:
            self._publish(domain, [event for event in due if event.domain == domain])
        if not due:
            self._over.wait(0.1)

    def _publish(self, domain: str, events: Sequence[ReceivedEvent]) -> None:
        entries = [
            {
                "Id": str(number),
                "Message": self._body_of(event),
                "MessageAttributes": {"type": {"DataType": "String", "StringValue": event.type}},
            }
            for number, event in enumerate(events)
        ]
        try:
            self._sns.publish_batch(TopicArn=self._topics[domain], PublishBatchRequestEntries=entries)
        except (BotoCoreError, ClientError, OSError):
            with self._lock:
                for event in events:
                    self._plan(event, 1.0)
            raise

    def _body_of(self, event: ReceivedEvent) -> str:
        """The event, or the same event with another id."""
        if self._random.random() >= NEW_ID_SHARE:
            return event.body
        new_id = f"evt_{self._random.getrandbits(128):032x}"
        with self._lock:
            self._duplicates[new_id] = event.id
        return json.dumps(json.loads(event.body) | {"id": new_id})

    def _make_trouble(self) -> None:
        if self._calm.wait(self._random.uniform(0.1, 1.0)):
            self._over.wait(0.5)
        elif self._random.random() < 0.4:
            with self.paused(self._random.choice(SERVICES)):
                self._calm.wait(self._random.uniform(*PAUSES))
        else:
            self._keep_some_back(self._random.choice(SERVICES))

    def _keep_some_back(self, service: str) -> None:
        """Take messages from a service's inbox and do nothing with them: they come back some seconds later."""
        url = self._sqs.get_queue_url(QueueName=queue_name(service, prefix=PREFIX))["QueueUrl"]
        taken = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=self._random.randint(1, 3),
            WaitTimeSeconds=1,
            VisibilityTimeout=self._random.randint(1, 6),
            AttributeNames=["ApproximateReceiveCount"],
        ).get("Messages", [])
        for message in taken:
            if int(message["Attributes"]["ApproximateReceiveCount"]) > MAX_RECEIVES:
                handle = message["ReceiptHandle"]
                self._sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
            else:
                self.kept_back[service] += 1

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """The worker of a service, with its relay, stands still meanwhile; one at a time."""
        with self._pausing:
            supervisor = control(self._layout.control_socket).supervisor
            process: int = supervisor.getProcessInfo(f"services:{service}-worker")["pid"]
            os.kill(process, signal.SIGSTOP)
            try:
                self.pauses[service] += 1
                yield
            finally:
                os.kill(process, signal.SIGCONT)

    def calm_down(self) -> None:
        """Stop disturbing; events that are planned to be repeated still are."""
        self._calm.set()

    def bring_everything_again(self) -> None:
        """Publish every received event once more, in random order; return when all have been received.

        A duplicate with another id can cause new events, which are not repeated.
        """
        self.calm_down()
        with self._lock:
            events = self._republished = list(self._received.values())
            self._random.shuffle(events)
            for event in events:
                self._plan(event, 0.0)
        wait_for("all events to come again", lambda: True if self._all_came_twice(events) else None, 120)

    def _all_came_twice(self, events: Sequence[ReceivedEvent]) -> bool:
        self.check()
        with self._lock:
            return not self._later and all(self._receipts[event.id] >= 2 for event in events)

    @property
    def types(self) -> set[str]:
        """The types of the events that were event."""
        with self._lock:
            return {event.type for event in self._received.values()}

    def times(self) -> dict[str, tuple[int, int, int]]:
        """Of each type of event: how many were brought again, how often they came, and how often the rarest did."""
        with self._lock:
            found: dict[str, list[int]] = {}
            for event in self._republished:
                found.setdefault(event.type, []).append(self._receipts[event.id])
        return {name: (len(counts), sum(counts), min(counts)) for name, counts in sorted(found.items())}

    def waiting(self) -> dict[str, int]:
        """How many messages each queue has that has any, dead-letter queues too."""
        found = {}
        for url in [self._tap, *self._sqs.list_queues(QueueNamePrefix=f"{PREFIX}-")["QueueUrls"]]:
            names = ("", "NotVisible", "Delayed")
            asked = [f"ApproximateNumberOfMessages{name}" for name in names]
            told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
            count = sum(int(told.get(name, 0)) for name in asked)
            if count:
                found[url.rpartition("/")[2]] = count
        return found

    def check(self) -> None:
        """AssertionError when one of the threads has ended."""
        assert not self._faults, self._faults[0]
