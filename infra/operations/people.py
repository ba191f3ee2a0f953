"""Whom alarms reach: a topic for what hurts users now, one for what can wait until the morning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

SENDERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com", "events.amazonaws.com")


class PeopleStack(Stack):
    """Both topics, encrypted, with the addresses of the settings file."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        urgent: Sequence[str],
        notice: Sequence[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self._key = self._make_key()
        self.urgent = self._topic("Urgent", f"reclothes-{environment}-urgent", urgent)
        self.notice = self._topic("Notice", f"reclothes-{environment}-notice", notice)

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self.stack_name.lower()}",
            description="Encrypts alarms on their way",
            enable_key_rotation=True,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(sender) for sender in SENDERS],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _topic(self, id_: str, name: str, addresses: Sequence[str]) -> sns.Topic:
        topic = sns.Topic(self, id_, topic_name=name, master_key=self._key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(sender) for sender in SENDERS],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        for address in addresses:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic
