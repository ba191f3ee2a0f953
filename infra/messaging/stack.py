"""Topics, queues and subscriptions, from the services' own event declarations (see `infra/inputs.py`).

The local platform makes the same by `libs/chassis/topology.py`; `infra/tests/test_messaging.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.names import logical


class MessagingStack(Stack):
    """All topics and queues of one environment, encrypted with a key of their own."""

    def __init__(self, scope: Construct, id_: str, *, topology: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        self._topology = topology
        self.key = self._make_key()
        services = topology["services"]
        self.topics = {name: self._make_topic(name) for name in _names(services, "topics")}
        self.dead_letters: dict[str, sqs.Queue] = {}
        self.queues = {name: self._make_queue(name) for name in _names(services, "queues")}
        for service in services.values():
            for subscription in service["subscriptions"]:
                self._subscribe(subscription)

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "MessagingKey",
            alias=f"alias/{self.stack_name.lower()}",
            description="Encrypts topics and queues",
            enable_key_rotation=True,
        )
        # SNS writes to encrypted queues directly (SNS developer guide, "Enabling server-side encryption").
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["kms:GenerateDataKey*", "kms:Decrypt"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _make_topic(self, name: str) -> sns.Topic:
        return sns.Topic(self, logical(name), topic_name=name, master_key=self.key, enforce_ssl=True)

    def _make_queue(self, name: str) -> sqs.Queue:
        retention = Duration.seconds(self._topology["retention_seconds"])
        common: dict[str, Any] = {
            "encryption": sqs.QueueEncryption.KMS,
            "encryption_master_key": self.key,
            "data_key_reuse": Duration.hours(1),
            "retention_period": retention,
            "enforce_ssl": True,
        }
        dead = sqs.Queue(
            self,
            logical(f"{name}-dead"),
            queue_name=f"{name}-dead",
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE, source_queues=[self._arn_holder(name)]
            ),
            **common,
        )
        self.dead_letters[name] = dead
        return sqs.Queue(
            self,
            logical(name),
            queue_name=name,
            visibility_timeout=Duration.seconds(self._topology["visibility_seconds"]),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=self._topology["max_receives"]),
            **common,
        )

    def _arn_holder(self, name: str) -> sqs.IQueue:
        """The queue by its name: it refers to its dead letters, so these cannot refer to it."""
        arn = self.format_arn(service="sqs", resource=name)
        return sqs.Queue.from_queue_arn(self, logical(f"{name}-source"), arn)

    def _subscribe(self, subscription: Mapping[str, Any]) -> None:
        """Only the topics that the queue subscribes to may send to it."""
        topic, queue = self.topics[subscription["topic"]], self.queues[subscription["queue"]]
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid=logical(subscription["topic"]),
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": topic.topic_arn}},
            )
        )
        sns.CfnSubscription(
            self,
            logical(f"{subscription['queue']}-from-{subscription['topic']}"),
            topic_arn=topic.topic_arn,
            protocol="sqs",
            endpoint=queue.queue_arn,
            raw_message_delivery=True,
            filter_policy={subscription["attribute"]: list(subscription["values"])},
        )


def _names(services: Mapping[str, Any], what: str) -> list[str]:
    return sorted({name for service in services.values() for name in service[what]})
