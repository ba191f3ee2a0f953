"""Sending: work to a service's own queue by Kombu over SQS, and notifications to people by SNS."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from kombu import Connection, Queue
from kombu.pools import connections

from libs.chassis import logs, topology
from libs.chassis.problems import Unavailable
from libs.chassis.settings import settings


class QueueUnavailable(Unavailable):
    slug, title = "queue-unavailable", "The queue is away for now"


def connection(queue: str, wait_seconds: int = 2) -> Connection:
    """A Kombu connection that knows one queue by its full name."""
    options: dict[str, Any] = {
        "region": settings().aws_region,
        "predefined_queues": {queue: {"url": _queue_url(queue)}},
        "wait_time_seconds": wait_seconds,
        "polling_interval": 0.05,
        "client-config": {"connect_timeout": 2, "read_timeout": 15, "retries": {"max_attempts": 1}},
    }
    return Connection(_broker_url(), transport_options=options)


@lru_cache(maxsize=16)
def _queue_url(queue: str) -> str:
    return topology.queue_url(queue)


def _broker_url() -> str:
    """`sqs://` for AWS; with the emulator's host and port for a local endpoint."""
    endpoint = settings().aws_endpoint_url
    if endpoint is None:
        return "sqs://"
    key = quote(os.environ.get("AWS_ACCESS_KEY_ID", "local"), safe="")
    secret = quote(os.environ.get("AWS_SECRET_ACCESS_KEY", "local"), safe="")
    parts = urlsplit(endpoint)
    return f"sqs://{key}:{secret}@{parts.hostname}:{parts.port}"


def forget_queues() -> None:
    """Look queue addresses up anew, after queues were made again."""
    _queue_url.cache_clear()


def send_to_queue(queue: str, message: dict[str, Any]) -> None:
    """Put work into the running service's own queue; QueueUnavailable when SQS does not take it."""
    from libs.chassis.service import running_service

    name = topology.queue_name(running_service().events.domain, queue)
    envelope = {"message": message, "requestid": logs.bound("request_id")}
    try:
        with connections[connection(name)].acquire(block=True, timeout=2) as broker:
            producer = broker.Producer(serializer="json")
            producer.publish(envelope, exchange="", routing_key=name, declare=[Queue(name)], retry=False)
    except Exception as error:
        logs.get_logger(__name__).warning("queue away", queue=name, reason=type(error).__name__)
        raise QueueUnavailable("the work is kept and sent later") from error


def notify(channel: str, recipient: str, subject: str, text: str, dedupe_id: str) -> None:
    """Give a notification to SNS; `channel` is email, sms or push; the same `dedupe_id` is delivered once."""
    body = {"recipient": recipient, "subject": subject, "text": text, "dedupe_id": dedupe_id}
    topology.aws("sns").publish(
        TopicArn=topology.topic_arn(topology.notifications_topic()),
        Message=json.dumps(body),
        MessageAttributes={
            "channel": {"DataType": "String", "StringValue": channel},
            "dedupe_id": {"DataType": "String", "StringValue": dedupe_id},
        },
    )
