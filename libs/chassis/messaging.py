"""Sending: work to a service's own queue over SQS, and notifications to people over SNS."""

from __future__ import annotations

import json
from typing import Any

from libs.chassis import aws, circuit_breaker, kombu_sqs, logs, topology
from libs.chassis.problems import Unavailable
from libs.chassis.runtime import per_process
from libs.chassis.service import running_service
from libs.chassis.settings import settings

SEND_SECONDS = 2.0  # a person waits for the response


class QueueUnavailable(Unavailable):
    slug, title = "queue-unavailable", "The queue is unavailable for now"


@per_process
def _circuit(_prefix: str) -> circuit_breaker.Circuit:
    return circuit_breaker.breaker("queue", circuit_breaker.is_aws_outage)


@per_process
def _notifications_arn(topic: str, domain: str) -> str:
    return topology.topic_arn(topic, domain)


def send_to_queue(queue: str, message: dict[str, Any]) -> None:
    """Put work into the running service's own queue. Raises QueueUnavailable when SQS does not accept it."""
    name = topology.queue_name(running_service().events.domain, queue)
    envelope = {"message": message, "requestid": logs.bound("request_id")}
    try:
        with circuit_breaker.guarded(_circuit(settings().resource_prefix), QueueUnavailable):
            kombu_sqs.send(name, envelope, SEND_SECONDS)
    except Exception as error:
        logs.get_logger(__name__).warning("queue unavailable", queue=name, reason=type(error).__name__)
        raise QueueUnavailable("The work is stored and sent later.") from error


def notify(channel: str, recipient: str, subject: str, text: str, dedupe_id: str) -> None:
    """Publish a notification to SNS; `channel` is email, sms or push. Each `dedupe_id` is delivered once.

    Raises botocore's errors when SNS does not accept it.
    """
    body = {"recipient": recipient, "subject": subject, "text": text, "dedupe_id": dedupe_id}
    topic, domain = topology.notifications_topic(), running_service().events.domain
    aws.client("sns").publish(
        TopicArn=_notifications_arn(topic, domain),
        Message=json.dumps(body),
        MessageAttributes={
            "channel": {"DataType": "String", "StringValue": channel},
            "dedupe_id": {"DataType": "String", "StringValue": dedupe_id},
        },
    )
