"""Sending: work to a service's own queue by Kombu over SQS, and notifications to people by SNS."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from kombu import Connection, Queue
from kombu.pools import connections

from libs.chassis import circuit_breaker, logs, topology
from libs.chassis.problems import Unavailable
from libs.chassis.settings import settings

SEND_SECONDS = 2  # somebody waits for the answer


class QueueUnavailable(Unavailable):
    slug, title = "queue-unavailable", "The queue is away for now"


@lru_cache(maxsize=4)
def _circuit(_prefix: str) -> circuit_breaker.Circuit:
    return circuit_breaker.breaker("queue", circuit_breaker.is_aws_outage)


def connection(queue: str, wait_seconds: int = 2, read_seconds: int = 5) -> Connection:
    """A Kombu connection that knows one queue by its full name."""
    options: dict[str, Any] = {
        "predefined_queues": {queue: {"url": _queue_url(queue)}},
        "wait_time_seconds": wait_seconds,
        "polling_interval": 0.05,
        "read_seconds": read_seconds,
    }
    return Connection(transport="libs.chassis.sqs_transport:Transport", transport_options=options)


@lru_cache(maxsize=16)
def _queue_url(queue: str) -> str:
    return topology.queue_url(queue)


@lru_cache(maxsize=2)
def _notifications_arn(topic: str, domain: str) -> str:
    return topology.topic_arn(topic, domain)


def forget_queues() -> None:
    """Look queue addresses up anew, after queues were made again."""
    _queue_url.cache_clear()


def send_to_queue(queue: str, message: dict[str, Any]) -> None:
    """Put work into the running service's own queue; QueueUnavailable when SQS does not take it."""
    name = topology.queue_name(_domain(), queue)
    envelope = {"message": message, "requestid": logs.bound("request_id")}
    try:
        with (
            circuit_breaker.guarded(_circuit(settings().resource_prefix), QueueUnavailable),
            connections[connection(name, read_seconds=SEND_SECONDS)].acquire(block=True, timeout=2) as broker,
        ):
            producer = broker.Producer(serializer="json")
            producer.publish(envelope, exchange="", routing_key=name, declare=[Queue(name)], retry=False)
    except Exception as error:
        logs.get_logger(__name__).warning("queue away", queue=name, reason=type(error).__name__)
        raise QueueUnavailable("the work is kept and sent later") from error


def notify(channel: str, recipient: str, subject: str, text: str, dedupe_id: str) -> None:
    """Give a notification to SNS; `channel` is email, sms or push; the same `dedupe_id` is delivered once.

    Raises botocore's errors when SNS does not take it.
    """
    body = {"recipient": recipient, "subject": subject, "text": text, "dedupe_id": dedupe_id}
    topology.aws("sns").publish(
        TopicArn=_notifications_arn(topology.notifications_topic(), _domain()),
        Message=json.dumps(body),
        MessageAttributes={
            "channel": {"DataType": "String", "StringValue": channel},
            "dedupe_id": {"DataType": "String", "StringValue": dedupe_id},
        },
    )


def _domain() -> str:
    from libs.chassis.service import running_service

    return running_service().events.domain
