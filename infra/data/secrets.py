"""Secrets of the users that services are: made by Secrets Manager, seen by nobody, changed by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.names import group_id, subnet_ids
from infra.network.service_network import ServiceNetwork

LENGTH = 40
ROTATION = "rate(30 days)"


class UserSecret(Construct):
    """User name, password and address in one JSON secret, `reclothes/<environment>/<purpose>`.

    External Secrets makes the environment variables of a service from it.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: kms.IKey,
        environment: str,
        purpose: str,
        user_name: str,
        facts: Mapping[str, Any],
    ) -> None:
        super().__init__(scope, id_)
        self._label = purpose.replace("/", "-")
        self.user_name = user_name
        self.secret = secretsmanager.CfnSecret(
            self,
            "Secret",
            name=f"reclothes/{environment}/{purpose}",
            description=f"User {user_name}: {purpose}",
            kms_key_id=key.key_arn,
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                secret_string_template=Stack.of(self).to_json_string({"username": user_name, **facts}),
                generate_string_key="password",
                password_length=LENGTH,
                exclude_punctuation=True,
            ),
        )

    @property
    def arn(self) -> str:
        return self.secret.ref

    @property
    def password(self) -> str:
        """The password for a template: CloudFormation puts it in, it stands in no template."""
        return f"{{{{resolve:secretsmanager:{self.secret.ref}:SecretString:password}}}}"

    def rotate(
        self, network: ServiceNetwork, kind: str, key: kms.IKey, *, master_arn: str | None = None
    ) -> secretsmanager.CfnRotationSchedule:
        """Change the password monthly by Amazon's own function, which runs where the service runs."""
        Stack.of(self).add_transform("AWS::SecretsManager-2024-09-16")
        return secretsmanager.CfnRotationSchedule(
            self,
            "Rotation",
            secret_id=self.secret.ref,
            hosted_rotation_lambda=secretsmanager.CfnRotationSchedule.HostedRotationLambdaProperty(
                rotation_type=kind,
                rotation_lambda_name=f"{Stack.of(self).stack_name}-{self._label}-rotation"[:64],
                master_secret_arn=master_arn,
                master_secret_kms_key_arn=key.key_arn if master_arn else None,
                kms_key_arn=key.key_arn,
                vpc_subnet_ids=",".join(subnet_ids(network.compute_subnets)),
                vpc_security_group_ids=group_id(network.back_end_group),
            ),
            rotate_immediately_on_update=False,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                schedule_expression=ROTATION, duration="2h"
            ),
        )
