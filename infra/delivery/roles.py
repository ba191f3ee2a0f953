"""What a service's pods may do in AWS: a role for each service account, with its own queues, topic and bucket.

IAM knows a cluster's service accounts by the cluster's issuer, which kOps makes (docs/operations/clusters.md).
Databases and caches are not here: they are reached by the network, with a password of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.delivery.clusters import cluster_name, discovery_bucket_of
from infra.environment import Environment
from infra.messaging.stack import MessagingStack

CONSUME = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
LOOK_UP = ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")
NOTIFYING_SERVICE = "auth"


def issuer_of(environment: Environment, service: str) -> str:
    """Host and path by which a cluster's service accounts are known; kOps publishes the keys there."""
    bucket = discovery_bucket_of(environment.name)
    return f"{bucket}.s3.{environment.region}.amazonaws.com/{cluster_name(service, environment.domain)}"


class ServiceRole(Construct):
    """The role of one service, and that of External Secrets beside it, which reads the service's secrets."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        service: str,
        topology: Mapping[str, Any],
        messaging: MessagingStack,
        buckets: Sequence[s3.IBucket],
    ) -> None:
        super().__init__(scope, id_)
        self._environment, self._service = environment, service
        self.pods = self._role("Pods", service, f"reclothes-{environment.name}-{service}")
        self._let_use_queues(topology["queues"], messaging)
        self._let_publish(topology["topics"], messaging)
        self.pods.add_to_policy(
            iam.PolicyStatement(
                sid="KeyOfMessages",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[messaging.key.key_arn],
            )
        )
        for bucket in buckets:
            self._let_use_photos(bucket)
        if service == NOTIFYING_SERVICE:
            self._let_notify(messaging)
        self.secrets = self._role("Secrets", "external-secrets", f"reclothes-{environment.name}-{service}-secrets")
        self._let_read_secrets()

    def _role(self, id_: str, account: str, name: str) -> iam.Role:
        """Only this service account of this service's own cluster can be it."""
        stack = Stack.of(self)
        issuer = issuer_of(self._environment, self._service)
        provider = stack.format_arn(service="iam", region="", resource="oidc-provider", resource_name=issuer)
        conditions = {
            "StringEquals": {
                f"{issuer}:sub": f"system:serviceaccount:{self._service}:{account}",
                f"{issuer}:aud": "amazonaws.com",
            }
        }
        return iam.Role(
            self,
            id_,
            role_name=name,
            description=f"Service account {account} in the cluster of {self._service}",
            assumed_by=iam.WebIdentityPrincipal(provider, conditions),
        )

    def _let_use_queues(self, names: Sequence[str], messaging: MessagingStack) -> None:
        """Its own queues, and the dead letters behind them, to list and replay."""
        queues = [*(messaging.queues[name] for name in names), *(messaging.dead_letters[name] for name in names)]
        self.pods.add_to_policy(
            iam.PolicyStatement(
                sid="OwnQueues",
                actions=[*CONSUME, *LOOK_UP, "sqs:SendMessage"],
                resources=[queue.queue_arn for queue in queues],
            )
        )

    def _let_publish(self, names: Sequence[str], messaging: MessagingStack) -> None:
        """Its own topic, not those that it only subscribes to."""
        own = [name for name in names if name.endswith(f"-{self._service}-events")]
        self.pods.add_to_policy(
            iam.PolicyStatement(
                sid="OwnTopic",
                actions=["sns:Publish"],
                resources=[messaging.topics[name].topic_arn for name in own],
            )
        )

    def _let_use_photos(self, bucket: s3.IBucket) -> None:
        self.pods.add_to_policy(
            iam.PolicyStatement(
                sid="Photos",
                actions=["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
                resources=[bucket.arn_for_objects("*")],
            )
        )

    def _let_notify(self, messaging: MessagingStack) -> None:
        """Mails go by the topic of notifications, SMS and push messages by SNS itself.

        A telephone number is no resource of IAM, so what is not a number is denied by a second statement.
        """
        stack = Stack.of(self)
        [notifications] = [topic for name, topic in messaging.topics.items() if name.endswith("-notifications")]
        applications = stack.format_arn(service="sns", resource="app/*")
        devices = stack.format_arn(service="sns", resource="endpoint/*")
        for sid, actions, resources in (
            ("Notifications", ["sns:Publish"], [notifications.topic_arn]),
            ("Devices", ["sns:CreatePlatformEndpoint"], [applications]),
            ("Push", ["sns:Publish"], [devices]),
        ):
            self.pods.add_to_policy(iam.PolicyStatement(sid=sid, actions=actions, resources=resources))
        numbers = iam.PolicyStatement(sid="Sms", actions=["sns:Publish"], not_resources=["arn:*:sns:*:*:*"])
        self.pods.add_to_policy(numbers)

    def _let_read_secrets(self) -> None:
        """Of its own service only; each value is encrypted with a key that only this service's data has."""
        stack = Stack.of(self)
        own = stack.format_arn(
            service="secretsmanager", resource=f"secret:reclothes/{self._environment.name}/{self._service}/*"
        )
        self.secrets.add_to_policy(
            iam.PolicyStatement(
                sid="OwnSecrets",
                actions=["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                resources=[own],
            )
        )
        parameters = stack.format_arn(service="ssm", resource=f"parameter/reclothes/{self._environment.name}/*")
        self.secrets.add_to_policy(
            iam.PolicyStatement(sid="Places", actions=["ssm:GetParameter"], resources=[parameters])
        )
        self.secrets.add_to_policy(
            iam.PolicyStatement(
                sid="KeysOfSecrets",
                actions=["kms:Decrypt"],
                resources=[stack.format_arn(service="kms", resource="key/*")],
                conditions={"StringEquals": {"kms:ViaService": f"secretsmanager.{stack.region}.amazonaws.com"}},
            )
        )


class RolesStack(Stack):
    """The roles of all services."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        topology: Mapping[str, Any],
        messaging: MessagingStack,
        buckets: Mapping[str, Sequence[s3.IBucket]],
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.roles = {
            service: ServiceRole(
                self,
                service.capitalize(),
                environment=environment,
                service=service,
                topology=described,
                messaging=messaging,
                buckets=buckets.get(service, ()),
            )
            for service, described in topology["services"].items()
        }
