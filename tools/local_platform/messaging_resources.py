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
    """Create a queue with its dead-letter queue, and return its ARN."""
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
        for existing in page["Subscriptions"]:
            if existing["Endpoint"] == queue:
                arn = existing["SubscriptionArn"]
                sns.set_subscription_attributes(
                    SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=policy
                )
                return
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": policy}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)


def _allow_topic(name: str, queue: str, topic: str) -> None:
    """Allow only the topics to which the queue subscribes to send to it."""
    sqs, url = aws.client("sqs"), queue_url(name)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    policy = json.loads(attributes.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
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
