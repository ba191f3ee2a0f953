"""Messages that failed too often: list them, and send them back to where they came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from libs.chassis import topology
from libs.chassis.events import EventRegistry


def queues_of(registry: EventRegistry) -> list[str]:
    """The full names of the service's queues."""
    return list(topology.describe(registry).queues)


def _receive(queue: str, seconds: int) -> Iterator[dict[str, Any]]:
    sqs, url = topology.aws("sqs"), topology.queue_url(topology.dead_letter_name(queue))
    seen: set[str] = set()
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=seconds)
        fresh = [m for m in answer.get("Messages", ()) if m["MessageId"] not in seen]
        if not fresh:
            return
        for message in fresh:
            seen.add(message["MessageId"])
            yield message


def describe(message: dict[str, Any]) -> dict[str, Any]:
    """What a person needs to know of a message, without its data."""
    try:
        content = json.loads(message["Body"])
    except ValueError:
        content = {}
    return {
        "message_id": message["MessageId"],
        "event_id": content.get("id"),
        "type": content.get("type"),
        "subject": content.get("subject"),
        "time": content.get("time"),
    }


def listed(registry: EventRegistry) -> list[dict[str, Any]]:
    """All dead letters of the service; they stay where they are (hidden from others for two seconds)."""
    return [
        {"queue": queue} | describe(message)
        for queue in queues_of(registry)
        for message in _receive(queue, seconds=2)
    ]


def replay(registry: EventRegistry, event_id: str | None = None) -> int:
    """Send dead letters (all, or one by its event id) to their queue again; how many."""
    sqs, count = topology.aws("sqs"), 0
    for queue in queues_of(registry):
        dead = topology.queue_url(topology.dead_letter_name(queue))
        for message in _receive(queue, seconds=30):
            if event_id is not None and describe(message)["event_id"] != event_id:
                continue
            sqs.send_message(QueueUrl=topology.queue_url(queue), MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count
