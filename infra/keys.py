"""Keys of KMS that other services of Amazon use for us."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

FOR_LOGS = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")


def key_of_logs(stack: Stack, what: str) -> kms.Key:
    """A key by which CloudWatch encrypts our log groups (its user guide, "Encrypt log data using AWS KMS")."""
    key = kms.Key(
        stack,
        "LogKey",
        alias=f"alias/{stack.stack_name.lower()}-logs",
        description=f"Encrypts {what}",
        enable_key_rotation=True,
    )
    groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=list(FOR_LOGS),
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
    return key
