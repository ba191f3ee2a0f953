"""The function that changes a gateway's opaque tokens into JWTs, `tools/gateway/amazon/authorizer.py`."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.names import group_id, subnet_ids
from infra.network.service_network import ServiceNetwork
from infra.retention import retention_days

CODE = Path(__file__).resolve().parents[2] / "tools" / "gateway" / "amazon" / "authorizer.py"
RUNTIME = "python3.14"
TIMEOUT_SECONDS = 5  # the function itself gives up on auth after three
MEMORY_MB = 256


class Authorizer(Construct):
    """One gateway's function, in auth's own network, and the role by which the gateway calls it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        gateway: str,
        auth_host: str,
        network: ServiceNetwork,
        concurrency: int,
        log_days: int,
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{name}",
            retention=retention_days(log_days),
            encryption_key=log_key,
        )
        role = iam.Role(self, "ExecutionRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(role)
        role.add_to_policy(_network_interfaces(Stack.of(self)))
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            function_name=name,
            description=f"Token to JWT, for the {gateway} gateway",
            runtime=RUNTIME,
            handler="index.handler",
            architectures=["arm64"],
            code=lambda_.CfnFunction.CodeProperty(zip_file=CODE.read_text()),
            role=role.role_arn,
            timeout=TIMEOUT_SECONDS,
            memory_size=MEMORY_MB,
            reserved_concurrent_executions=concurrency,
            tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="PassThrough"),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log.log_group_name),
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={"AUTH_EXCHANGE_URL": f"https://{auth_host}/exchange/{gateway}"}
            ),
            vpc_config=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=subnet_ids(network.compute_subnets),
                security_group_ids=[group_id(network.back_end_group)],
            ),
        )
        self.function.node.add_dependency(role.node.find_child("DefaultPolicy"))
        self.invoker = iam.Role(self, "InvokerRole", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        self.invoker.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.attr_arn])
        )


def _network_interfaces(stack: Stack) -> iam.PolicyStatement:
    """What a function in a VPC needs; EC2 offers no narrower resource for it (AWSLambdaVPCAccessExecutionRole)."""
    return iam.PolicyStatement(
        actions=[
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
        resources=["*"],
        conditions={"StringEquals": {"aws:RequestedRegion": stack.region}},
    )
