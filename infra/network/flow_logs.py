"""Flow logs: accepted and rejected connections, encrypted and retained for some days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

if TYPE_CHECKING:
    from infra.network.service_network import ServiceNetwork


def encrypted_log_group(scope: Construct, id_: str, name: str) -> logs.LogGroup:
    """A log group with a key of its own (CloudWatch Logs guide, "Encrypt log data using AWS KMS")."""
    stack = Stack.of(scope)
    key = kms.Key(scope, f"{id_}Key", enable_key_rotation=True, description=f"Encrypts the logs {name}")
    arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{name}"
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            resources=["*"],
            conditions={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}},
        )
    )
    return logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        encryption_key=key,
        retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.RETAIN,
    )


def add_flow_logs(network: ServiceNetwork) -> None:
    """All traffic of the network, refused or not."""
    group = encrypted_log_group(
        network, "FlowLogs", f"/reclothes/{network.environment.name}/{network.service}/flow-logs"
    )
    role = iam.Role(network, "FlowLogsRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"))
    group.grant_write(role)
    ec2.CfnFlowLog(
        network,
        "FlowLog",
        resource_id=network.vpc.ref,
        resource_type="VPC",
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.log_group_arn,
        deliver_logs_permission_arn=role.role_arn,
        max_aggregation_interval=60,
    )
