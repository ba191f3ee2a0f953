"""The endpoints by which AWS's own services are reached without the internet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2

from infra.network import ranges

if TYPE_CHECKING:
    from infra.network.service_network import ServiceNetwork

# Images (ECR; their layers are in S3), messages, metrics and logs, roles of service accounts, secrets.
INTERFACES = ("ecr.api", "ecr.dkr", "sqs", "sns", "logs", "monitoring", "sts", "secretsmanager")


def add_endpoints(network: ServiceNetwork) -> None:
    """S3 by a route of the compute subnets, the others by addresses in them (where the environment has them)."""
    region = network.environment.region
    ec2.CfnVPCEndpoint(
        network,
        "S3Endpoint",
        vpc_id=network.vpc.ref,
        service_name=f"com.amazonaws.{region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[table.ref for table in network.route_tables[ranges.COMPUTE]],
    )
    if not network.environment.interface_endpoints:
        return
    for name in INTERFACES:
        ec2.CfnVPCEndpoint(
            network,
            "".join(part.capitalize() for part in name.split(".")) + "Endpoint",
            vpc_id=network.vpc.ref,
            service_name=f"com.amazonaws.{region}.{name}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=[subnet.ref for subnet in network.compute_subnets],
            security_group_ids=[network.back_end_group.attr_group_id],
        )
