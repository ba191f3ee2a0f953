"""The two API Gateways, made from the project's own import documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import CfnDeletionPolicy, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.edge.authorizer import Authorizer
from infra.edge.balancer import STAGE, BalancerStack
from infra.edge.documents import GatewayInputs
from infra.edge.firewall import Firewall
from infra.edge.proofs import GatewayProofs
from infra.keys import key_of_logs
from infra.network.data_flow import AUTHORIZER_OWNER
from infra.network.service_network import ServiceNetwork
from infra.retention import retention_days

# One line a request; no header, no query: tokens and names stand there.
ACCESS_LOG_FORMAT = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "source_ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "resource": "$context.resourcePath",
    "status": "$context.status",
    "ms": "$context.responseLatency",
    "integration_ms": "$context.integrationLatency",
    "authorizer_status": "$context.authorizer.status",
    "error": "$context.error.responseType",
    "waf": "$context.waf.status",
}
PLAN_REQUESTS_A_DAY = 100_000


@dataclass(frozen=True)
class GatewayOptions:
    """The settings of an environment for its gateways: their proof header and their limits."""

    proof: str
    authorizer_concurrency: int
    blocked_addresses: tuple[str, ...]
    log_days: int


class GatewayStack(Stack):
    """One gateway: its API, stage, authorizer, logs, plan, and the web ACL where the internet reaches it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        inputs: GatewayInputs,
        options: GatewayOptions,
        balancers: Mapping[str, BalancerStack],
        auth_network: ServiceNetwork,
        proofs: GatewayProofs,
        endpoint_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        """With an `endpoint_id` the gateway is private: only that VPC endpoint leads to it."""
        # A template may have a million bytes, and the document has most of them.
        super().__init__(scope, id_, suppress_template_indentation=True, **kwargs)
        self.gateway = inputs.name
        self.name = f"reclothes-{environment}-{inputs.name}"
        self._inputs, self._balancers, self._endpoint_id = inputs, balancers, endpoint_id
        self._log_key = key_of_logs(self, f"the logs of the {inputs.name} gateway")
        self.authorizer = Authorizer(
            self,
            "Authorizer",
            name=f"{self.name}-authorizer",
            gateway=inputs.name,
            auth_host=balancers[AUTHORIZER_OWNER].host_name,
            network=auth_network,
            concurrency=options.authorizer_concurrency,
            log_days=options.log_days,
            log_key=self._log_key,
        )
        document = self._document()
        self.api = self._api(document)
        self.stage = self._stage(document, proofs.value(inputs.name, options.proof), options.log_days)
        self._plan()
        self.firewall: Firewall | None = None
        if endpoint_id is None:
            self.firewall = self._protect(options)

    def _document(self) -> dict[str, Any]:
        values = {
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AuthorizerArn": self.authorizer.function.attr_arn,
            "AuthorizerRoleArn": self.authorizer.invoker.role_arn,
            "EndpointId": self._endpoint_id or "",
        }
        targets = {
            f"{name}LoadBalancerArn": balancer.load_balancer.ref for name, balancer in self._balancers.items()
        }
        return self._inputs.document(values | targets)

    def _api(self, document: dict[str, Any]) -> apigateway.CfnRestApi:
        kind = "REGIONAL" if self._endpoint_id is None else "PRIVATE"
        return apigateway.CfnRestApi(
            self,
            "Api",
            name=self.name,
            description=f"The {self.gateway} gateway, made from openapi/ and gateway-config/",
            body=document,
            fail_on_warnings=True,
            mode="overwrite",
            parameters={"endpointConfigurationTypes": kind},
            endpoint_configuration=apigateway.CfnRestApi.EndpointConfigurationProperty(
                types=[kind], vpc_endpoint_ids=[self._endpoint_id] if self._endpoint_id else None
            ),
            disable_execute_api_endpoint=True,
        )

    def _stage(self, document: dict[str, Any], proof: str, log_days: int) -> apigateway.CfnStage:
        log = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/reclothes/gateways/{self.name}",
            retention=retention_days(log_days),
            encryption_key=self._log_key,
        )
        self.authorizer_failures = self._count_failures(log)
        certificate = apigateway.CfnClientCertificate(
            self, "ClientCertificate", description=f"Shown by {self.name} to the load balancers"
        )
        return apigateway.CfnStage(
            self,
            "Stage",
            rest_api_id=self.api.ref,
            deployment_id=self._deployment(document).ref,
            stage_name=STAGE,
            variables=self._variables(proof),
            client_certificate_id=certificate.ref,
            tracing_enabled=True,
            access_log_setting=apigateway.CfnStage.AccessLogSettingProperty(
                destination_arn=log.log_group_arn, format=json.dumps(ACCESS_LOG_FORMAT)
            ),
            method_settings=[_FOR_ALL, *(_throttle(method) for method in self._inputs.stage["methodSettings"])],
        )

    def _count_failures(self, log: logs.LogGroup) -> cloudwatch.Metric:
        """How often auth could not be called. (Lambda counts every refused token as an error of the function.)"""
        logs.CfnMetricFilter(
            self,
            "AuthorizerFailures",
            log_group_name=log.log_group_name,
            filter_pattern='{ $.error = "AUTHORIZER_*" }',
            metric_transformations=[
                logs.CfnMetricFilter.MetricTransformationProperty(
                    metric_namespace="ReClothes/gateways", metric_name=self.name, metric_value="1", default_value=0
                )
            ],
        )
        return cloudwatch.Metric(
            namespace="ReClothes/gateways", metric_name=self.name, statistic="Sum", period=Duration.minutes(5)
        )

    def _deployment(self, document: dict[str, Any]) -> apigateway.CfnDeployment:
        """A deployment is a copy of the API at one moment: another document needs another one, by another id."""
        text = json.dumps(self.resolve(document), sort_keys=True)
        version = hashlib.sha256(text.encode()).hexdigest()[:12].upper()
        deployment = apigateway.CfnDeployment(
            self, f"Deployment{version}", rest_api_id=self.api.ref, description=f"Document {version}"
        )
        deployment.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN  # the stage may still show it
        deployment.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        return deployment

    def _variables(self, proof: str) -> dict[str, str]:
        found = {"gatewayProof": proof}
        for service in self._inputs.services:
            balancer = self._balancers[service]
            found |= {f"{service}Host": balancer.host_name, f"{service}Link": balancer.link.ref}
        return found

    def _plan(self) -> None:
        """For API consumers who are given a key; everybody else is held by the throttles of the methods."""
        plan = apigateway.CfnUsagePlan(
            self,
            "ConsumerPlan",
            usage_plan_name=f"{self.name}-consumers",
            description="API consumers with a key of their own",
            api_stages=[apigateway.CfnUsagePlan.ApiStageProperty(api_id=self.api.ref, stage=STAGE)],
            quota=apigateway.CfnUsagePlan.QuotaSettingsProperty(limit=PLAN_REQUESTS_A_DAY, period="DAY"),
            throttle=apigateway.CfnUsagePlan.ThrottleSettingsProperty(rate_limit=50, burst_limit=100),
        )
        plan.node.add_dependency(self.stage)

    def _protect(self, options: GatewayOptions) -> Firewall:
        firewall = Firewall(
            self,
            "Firewall",
            name=self.name,
            stage=self._inputs.stage,
            blocked_addresses=options.blocked_addresses,
            log_days=options.log_days,
            log_key=self._log_key,
        )
        arn = self.format_arn(
            service="apigateway", account="", resource="/restapis", resource_name=f"{self.api.ref}/stages/{STAGE}"
        )
        association = waf.CfnWebACLAssociation(
            self, "Association", resource_arn=arn, web_acl_arn=firewall.acl.attr_arn
        )
        association.node.add_dependency(self.stage)
        return firewall


class GatewayLogStack(Stack):
    """The role by which API Gateway writes logs: one for all APIs of a region."""

    def __init__(self, scope: Construct, id_: str, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        groups = self.format_arn(service="logs", resource="log-group:*")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                    "logs:GetLogEvents",
                    "logs:FilterLogEvents",
                ],
                resources=[groups],
            )
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.node.add_dependency(role.node.find_child("DefaultPolicy"))


_FOR_ALL = apigateway.CfnStage.MethodSettingProperty(
    http_method="*",
    resource_path="/*",
    metrics_enabled=True,
    logging_level="ERROR",
    data_trace_enabled=False,  # it would write tokens and bodies down
    caching_enabled=False,
)


def _throttle(method: Mapping[str, Any]) -> apigateway.CfnStage.MethodSettingProperty:
    return apigateway.CfnStage.MethodSettingProperty(
        http_method=method["httpMethod"],
        resource_path="/" + method["resourcePath"].replace("/", "~1"),  # as CloudFormation demands it
        metrics_enabled=True,
        logging_level="ERROR",
        data_trace_enabled=False,
        throttling_rate_limit=method["throttlingRateLimit"],
        throttling_burst_limit=method["throttlingBurstLimit"],
    )
