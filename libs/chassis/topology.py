"""Topics, queues and subscriptions, computed from what the services declare: one source for all environments.

Topic `<prefix>-<domain>-events` for each domain; queue `<prefix>-<domain>-inbox` for each service, with a filter
on the event types it handles; a queue for each work queue; `<queue>-dead` behind each. Notifications have a topic
of their own, `<prefix>-notifications`, and mails go from it into auth's `mail` queue.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from libs.chassis.events import EventRegistry
from libs.chassis.settings import settings

MAX_RECEIVES = 40  # with the growing delay about three hours, so that no ordinary outage loses a message
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 14 * 86400
READ_SECONDS = 5.0  # longer than a long poll of the workers
NOTIFICATIONS = "notifications"
MAIL_QUEUE = "mail"


@dataclass(frozen=True)
class Subscription:
    """`queue` gets from `topic` what has the message attribute `attribute` with one of `values`."""

    topic: str
    queue: str
    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Topology:
    """What one service needs: plain names without accounts or regions."""

    topics: tuple[str, ...]
    queues: tuple[str, ...]
    subscriptions: tuple[Subscription, ...]


def topic_name(domain: str, prefix: str | None = None) -> str:
    return f"{prefix or settings().resource_prefix}-{domain}-events"


def queue_name(domain: str, queue: str = "inbox", prefix: str | None = None) -> str:
    return f"{prefix or settings().resource_prefix}-{domain}-{queue}"


def dead_letter_name(queue: str) -> str:
    return f"{queue}-dead"


def notifications_topic(prefix: str | None = None) -> str:
    return f"{prefix or settings().resource_prefix}-{NOTIFICATIONS}"


def describe(registry: EventRegistry, prefix: str | None = None) -> Topology:
    """The topics, queues and subscriptions of one service; `prefix` is that of the settings if none is given."""
    inbox = queue_name(registry.domain, prefix=prefix)
    subscriptions = []
    for publisher in sorted({event_type.split(".")[0] for event_type in registry.handlers}):
        types = tuple(sorted(t for t in registry.handlers if t.startswith(f"{publisher}.")))
        subscriptions.append(Subscription(topic_name(publisher, prefix), inbox, "type", types))
    queues = [inbox, *(queue_name(registry.domain, queue, prefix) for queue in sorted(registry.queues))]
    if MAIL_QUEUE in registry.queues:
        mail = queue_name(registry.domain, MAIL_QUEUE, prefix)
        subscriptions.append(Subscription(notifications_topic(prefix), mail, "channel", ("email",)))
    topics = {topic_name(registry.domain, prefix), *(subscription.topic for subscription in subscriptions)}
    return Topology(tuple(sorted(topics)), tuple(queues), tuple(subscriptions))


_making_client = threading.Lock()


@lru_cache(maxsize=8)
def aws(service: str, read_seconds: float | None = None) -> Any:
    """A boto3 client with short timeouts, kept for the life of the process; threads may share it."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=1,
        read_timeout=read_seconds or READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    with _making_client:  # clients may be shared by threads, the session that makes them may not (boto3's guide)
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=settings().aws_region,
            endpoint_url=settings().aws_endpoint_url,
            config=config,
        )


def topic_arn(name: str, domain: str) -> str:
    """The ARN of a topic in the account of the domain's inbox.

    It is not asked of SNS, because CreateTopic would make a missing topic that nobody subscribes to.
    """
    partition, _, region, account = _queue_arn(queue_url(queue_name(domain))).split(":")[1:5]
    return f"arn:{partition}:sns:{region}:{account}:{name}"


def queue_url(name: str) -> str:
    url: str = aws("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url


def is_there(registry: EventRegistry) -> bool:
    """Whether the service's topic and its inbox are there.

    A topic can be made by a subscriber, the inbox by this service alone: it tells whether all the rest was made.
    """
    topic = topic_name(registry.domain)
    try:
        aws("sns").get_topic_attributes(TopicArn=topic_arn(topic, registry.domain))
    except (aws("sqs").exceptions.QueueDoesNotExist, aws("sns").exceptions.NotFoundException):
        return False
    return True


def ensure_topology(registry: EventRegistry) -> Topology:
    """Bring about what `describe` says; safe to run twice and by several services at once."""
    wanted = describe(registry)
    arns = {topic: aws("sns").create_topic(Name=topic)["TopicArn"] for topic in wanted.topics}
    queues = {queue: _ensure_queue(queue) for queue in wanted.queues}
    for subscription in wanted.subscriptions:
        _ensure_subscription(subscription, arns[subscription.topic], queues[subscription.queue])
    return wanted


def _ensure_queue(name: str) -> str:
    """The ARN of a queue with its dead-letter queue behind it."""
    dead = _queue_arn(_create_queue(dead_letter_name(name), {"MessageRetentionPeriod": str(RETENTION_SECONDS)}))
    redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": str(MAX_RECEIVES)}
    attributes = {
        "VisibilityTimeout": str(VISIBILITY_SECONDS),
        "MessageRetentionPeriod": str(RETENTION_SECONDS),
        "RedrivePolicy": json.dumps(redrive),
    }
    return _queue_arn(_create_queue(name, attributes))


def _create_queue(name: str, attributes: dict[str, str]) -> str:
    sqs = aws("sqs")
    try:
        url = queue_url(name)
    except sqs.exceptions.QueueDoesNotExist:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    else:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url


def _queue_arn(url: str) -> str:
    answer = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn


def _ensure_subscription(subscription: Subscription, topic: str, queue: str) -> None:
    _allow_topic(subscription.queue, queue, topic)
    sns = aws("sns")
    policy = json.dumps({subscription.attribute: list(subscription.values)})
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
        for found in page["Subscriptions"]:
            if found["Endpoint"] == queue:
                arn = found["SubscriptionArn"]
                sns.set_subscription_attributes(
                    SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy
                )
                return
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": policy}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)


def _allow_topic(name: str, queue: str, topic: str) -> None:
    """Let the topics that the queue subscribes to, and nobody else, send to it."""
    sqs, url = aws("sqs"), queue_url(name)
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    policy = json.loads(found.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
    sid = topic.rpartition(":")[2]
    policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != sid]
    policy["Statement"].append(
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
