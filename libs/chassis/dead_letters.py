"""Dead letters: messages that failed MAX_RECEIVES times. List them, and return them to their queues."""

from __future__ import annotations

import json
from typing import Any

from libs.chassis import aws, topology
from libs.chassis.events import EventRegistry

VISIBILITY_SECONDS = 60


def queue_names(registry: EventRegistry) -> list[str]:
    """The full names of the service's queues."""
    return list(topology.describe(registry).queues)


def put(queue: str, body: str) -> None:
    """Move a message that cannot be read to the dead letters of a queue immediately."""
    aws.client("sqs").send_message(QueueUrl=_dead_url(queue), MessageBody=body)


def _receive_all(queue: str) -> list[dict[str, Any]]:
    """The dead letters of a queue, invisible to other receivers for VISIBILITY_SECONDS."""
    sqs, url = aws.client("sqs"), _dead_url(queue)
    found: dict[str, dict[str, Any]] = {}
    while True:
        response = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=VISIBILITY_SECONDS,
            WaitTimeSeconds=1,  # otherwise SQS queries only some of its servers
        )
        new = {message["MessageId"]: message for message in response.get("Messages", ())}
        if new.keys() <= found.keys():
            return list(found.values())
        found |= new


def _make_visible(queue: str, message: dict[str, Any]) -> None:
    aws.client("sqs").change_message_visibility(
        QueueUrl=_dead_url(queue), ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )


def _dead_url(queue: str) -> str:
    return topology.queue_url(topology.dead_letter_name(queue))


def describe(message: dict[str, Any]) -> dict[str, Any]:
    """The attributes that identify a message, without its data."""
    try:
        content = json.loads(message["Body"])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {}
    attributes = {name: content.get(name) for name in ("type", "subject", "time")}
    return {"message_id": message["MessageId"], "event_id": content.get("id")} | attributes


def list_messages(registry: EventRegistry) -> list[dict[str, Any]]:
    """All dead letters of the service, which stay in their queues."""
    found = []
    for queue in queue_names(registry):
        for message in _receive_all(queue):
            found.append({"queue": queue} | describe(message))
            _make_visible(queue, message)
    return found


def replay(registry: EventRegistry, which: str | None = None) -> int:
    """Return dead letters (all, or that with this event id or message id) to their queues. Returns how many."""
    sqs, count = aws.client("sqs"), 0
    for queue in queue_names(registry):
        for message in _receive_all(queue):
            description = describe(message)
            if which not in (None, description["event_id"], description["message_id"]):
                _make_visible(queue, message)
                continue
            sqs.send_message(QueueUrl=topology.queue_url(queue), MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=_dead_url(queue), ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count
