"""Kombu over SQS: everything that ReClothes overrides of Kombu, or uses beside its public interface.

- `Channel.new_sqs_client`: Kombu builds a boto3 session and client for each connection, some ten megabytes each,
  with its own time-outs. `transport_options["client-config"]` (celery/kombu pull request 1219) sets time-outs only;
  there is no option for a shared client.
- `qos.restore_at_shutdown`: Kombu would write messages in hand to a file in /tmp. They return by their visibility
  time-out instead (celery/kombu issue 1835: restoring does not make them visible).
- `delivery_info["sqs_message"]` and `["sqs_queue"]`: the message as SQS sent it, with receive count and receipt.
- `reject(requeue=False)` does not delete a message of a queue with a redrive policy; it frees the consumer's place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kombu import Connection, Consumer, Message, Queue
from kombu.pools import connections
from kombu.transport import SQS

from libs.chassis import aws, topology
from libs.chassis.runtime import per_process


class Channel(SQS.Channel):  # type: ignore[misc] # kombu has no types
    def new_sqs_client(self, *_args: Any, **_more: Any) -> Any:
        return aws.client("sqs", self.transport_options["read_seconds"])


class Transport(SQS.Transport):  # type: ignore[misc]
    Channel = Channel


def _connection(queue: str, wait_seconds: int = 2, read_seconds: float | None = None) -> Connection:
    """A connection that knows one queue by its full name."""
    options: dict[str, Any] = {
        "predefined_queues": {queue: {"url": _queue_url(queue)}},
        "wait_time_seconds": wait_seconds,
        "polling_interval": 0.05,
        "read_seconds": read_seconds,
    }
    return Connection(transport=f"{__name__}:Transport", transport_options=options)


@per_process
def _queue_url(queue: str) -> str:
    return topology.queue_url(queue)


def send(queue: str, content: dict[str, Any], read_seconds: float) -> None:
    """Put JSON into a queue. Raises the errors of Kombu and botocore."""
    with connections[_connection(queue, read_seconds=read_seconds)].acquire(block=True, timeout=2) as broker:
        producer = broker.Producer(serializer="json")
        producer.publish(content, exchange="", routing_key=queue, declare=[Queue(queue)], retry=False)


def consume(queue: str, on_message: Callable[[Message], None], stop: threading.Event) -> None:
    """Give each message of a queue to `on_message`, until `stop` is set or SQS is unavailable."""
    with _connection(queue, wait_seconds=1) as broker:
        consumer = Consumer(broker, [Queue(queue)], on_message=on_message, prefetch_count=10, accept=["json"])
        consumer.channel.qos.restore_at_shutdown = False
        with consumer:
            while not stop.is_set():
                try:
                    broker.drain_events(timeout=1)
                except TimeoutError:
                    continue


def raw_body(message: Message) -> str:
    return str(message.delivery_info["sqs_message"]["Body"])


def receive_count(message: Message) -> int:
    """How often SQS has delivered the message, this time included."""
    return int(message.delivery_info["sqs_message"]["Attributes"]["ApproximateReceiveCount"])


def return_to_queue(message: Message, delay: int) -> None:
    """Let SQS deliver the message again in `delay` seconds."""
    try:
        aws.client("sqs").change_message_visibility(
            QueueUrl=message.delivery_info["sqs_queue"],
            ReceiptHandle=message.delivery_info["sqs_message"]["ReceiptHandle"],
            VisibilityTimeout=delay,
        )
    finally:
        message.reject(requeue=False)
