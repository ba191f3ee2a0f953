"""Topics, queues and subscriptions on the AWS emulator; in AWS the infrastructure code creates them (`infra/`)."""

from __future__ import annotations

import json

from libs.chassis import aws, topology
from libs.chassis.events import EventRegistry
from libs.chassis.topology import Subscription, queue_arn, queue_url


def create_topology(registry: EventRegistry) -> None:
    """Create what `topology.describe` returns for a service; repeating it changes nothing."""
    needed = topology.describe(registry)
    arns = {topic: aws.client("sns").create_topic(Name=topic)["TopicArn"] for topic in needed.topics}
    queues = {queue: _create_queue_pair(queue) for queue in needed.queues}
    for subscription in needed.subscriptions:
        _create_subscription(subscription, arns[subscription.topic], queues[subscription.queue])


def _create_queue_pair(name: str) -> str:
    """The ARN of a queue with its dead-letter queue behind it."""
    dead = queue_arn(
        _create_queue(topology.dead_letter_name(name), {"MessageRetentionPeriod": str(topology.RETENTION_SECONDS)})
    )
    redrive = {"deadLetterTargetArn": dead, "maxReceiveCount": str(topology.MAX_RECEIVES)}
    attributes = {
        "VisibilityTimeout": str(topology.VISIBILITY_SECONDS),
        "MessageRetentionPeriod": str(topology.RETENTION_SECONDS),
        "RedrivePolicy": json.dumps(redrive),
    }
    return queue_arn(_create_queue(name, attributes))


def _create_queue(name: str, attributes: dict[str, str]) -> str:
    sqs = aws.client("sqs")
    try:
        url = queue_url(name)
    except sqs.exceptions.QueueDoesNotExist:
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    else:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url


def _create_subscription(subscription: Subscription, topic: str, queue: str) -> None:
    _allow_topic(subscription.queue, queue, topic)
    sns = aws.client("sns")
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
    sqs, url = aws.client("sqs"), queue_url(name)
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
