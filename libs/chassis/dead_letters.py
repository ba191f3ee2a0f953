"""Messages that failed too often: list them, and send them back to where they came from."""

from __future__ import annotations

import json
from typing import Any

from libs.chassis import aws, topology
from libs.chassis.events import EventRegistry

HIDDEN_SECONDS = 60


def queue_names(registry: EventRegistry) -> list[str]:
    """The full names of the service's queues."""
    return list(topology.describe(registry).queues)


def put(queue: str, body: str | bytes) -> None:
    """Put a message that nothing can be made of among the dead letters of a queue, without more tries."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    aws.client("sqs").send_message(QueueUrl=_dead_url(queue), MessageBody=text)


def _receive_all(queue: str) -> list[dict[str, Any]]:
    """The dead letters of a queue, which nobody else receives for a minute."""
    sqs, url = aws.client("sqs"), _dead_url(queue)
    found: dict[str, dict[str, Any]] = {}
    while True:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=1,  # without waiting, SQS asks only some of its servers
        )
        fresh = {message["MessageId"]: message for message in answer.get("Messages", ())}
        if fresh.keys() <= found.keys():
            return list(found.values())
        found |= fresh


def _show_again(queue: str, message: dict[str, Any]) -> None:
    aws.client("sqs").change_message_visibility(
        QueueUrl=_dead_url(queue), ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )


def _dead_url(queue: str) -> str:
    return topology.queue_url(topology.dead_letter_name(queue))


def describe(message: dict[str, Any]) -> dict[str, Any]:
    """What a person needs to know of a message, without its data."""
    try:
        content = json.loads(message["Body"])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {}
    attributes = {name: content.get(name) for name in ("type", "subject", "time")}
    return {"message_id": message["MessageId"], "event_id": content.get("id")} | attributes


def list_messages(registry: EventRegistry) -> list[dict[str, Any]]:
    """All dead letters of the service; they stay where they are."""
    found = []
    for queue in queue_names(registry):
        for message in _receive_all(queue):
            found.append({"queue": queue} | describe(message))
            _show_again(queue, message)
    return found


def replay(registry: EventRegistry, which: str | None = None) -> int:
    """Send dead letters (all, or the one with this event id or message id) to their queue again; how many."""
    sqs, count = aws.client("sqs"), 0
    for queue in queue_names(registry):
        for message in _receive_all(queue):
            known = describe(message)
            if which not in (None, known["event_id"], known["message_id"]):
                _show_again(queue, message)
                continue
            sqs.send_message(QueueUrl=topology.queue_url(queue), MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=_dead_url(queue), ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count
