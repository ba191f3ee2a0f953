"""Topics, queues and subscriptions, computed from what the services declare: one source for all environments.

Topic `<prefix>-<domain>-events` for each domain; queue `<prefix>-<domain>-inbox` for each service, with a filter
on the event types it handles; a queue for each work queue; `<queue>-dead` behind each. Notifications have a topic
of their own, `<prefix>-notifications`, and mails go from it into auth's `mail` queue.
"""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis import aws
from libs.chassis.events import EventRegistry
from libs.chassis.settings import settings

MAX_RECEIVES = 40  # with the growing delay about three hours, so that no ordinary outage loses a message
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 14 * 86400
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


def topic_arn(name: str, domain: str) -> str:
    """The ARN of a topic in the account of the domain's inbox.

    It is not asked of SNS, because CreateTopic would make a missing topic that nobody subscribes to.
    """
    partition, _, region, account = queue_arn(queue_url(queue_name(domain))).split(":")[1:5]
    return f"arn:{partition}:sns:{region}:{account}:{name}"


def queue_url(name: str) -> str:
    url: str = aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url


def queue_arn(url: str) -> str:
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn
