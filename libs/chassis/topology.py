"""Topics, queues and subscriptions, derived from the event registries: one source for all environments.

Each domain has the topic `<prefix>-<domain>-events`. Each service has the queue `<prefix>-<domain>-inbox`, with a
filter on the event types that it handles, and a queue per work queue; behind each is `<queue>-dead`. Notifications
have the topic `<prefix>-notifications`, and its emails go to auth's queue `mail`.
"""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis import aws
from libs.chassis.events import EventRegistry
from libs.chassis.settings import settings

MAX_RECEIVES = 40  # about three hours with the growing delay, longer than ordinary outages
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 14 * 86400
NOTIFICATIONS = "notifications"
MAIL_QUEUE = "mail"


@dataclass(frozen=True)
class Subscription:
    """`queue` receives the messages of `topic` whose message attribute `attribute` is one of `values`."""

    topic: str
    queue: str
    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Topology:
    """The names that one service needs, without account and region."""

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
    """The topics, queues and subscriptions of one service; `prefix` defaults to that of the settings."""
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


def topic_arn(name: str, domain: str) -> str:
    """The ARN of a topic in the account of the domain's inbox.

    It is not requested from SNS, because CreateTopic would create a missing topic without subscribers.
    """
    partition, _, region, account = queue_arn(queue_url(queue_name(domain))).split(":")[1:5]
    return f"arn:{partition}:sns:{region}:{account}:{name}"


def queue_url(name: str) -> str:
    url: str = aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url


def queue_arn(url: str) -> str:
    response = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = response["Attributes"]["QueueArn"]
    return arn
