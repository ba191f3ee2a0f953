"""The way into a service's network: its load balancer, and the VPC link by which the gateways reach it.

The load balancer has no public address. It forwards what shows the proof of a gateway, and what comes from the
nodes of a service that may call this one; everybody else gets 403, also from inside the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.edge.logs import log_bucket
from infra.edge.proofs import GATEWAYS, PROOF_HEADER, GatewayProofs
from infra.names import group_id, subnet_ids
from infra.network import data_flow
from infra.network.service_network import ServiceNetwork

MOST_CONDITION_VALUES = 5  # of one listener rule, as Amazon's quota is
STAGE = "live"
IDLE_SECONDS = 60
# A gateway waits 29 s at most; a target that is to go finishes what it has.
DRAINING_SECONDS = 35
REFUSAL = '{"type": "about:blank", "title": "Only by a gateway", "status": 403}'
ROUND_ROBIN, LEAST_OUTSTANDING = "round_robin", "least_outstanding_requests"
# Work is uneven where a password is hashed, a label drawn, or a payment provider waited for.
ALGORITHMS = {
    "auth": LEAST_OUTSTANDING,
    "customer": ROUND_ROBIN,
    "shopping": ROUND_ROBIN,
    "billing": LEAST_OUTSTANDING,
    "admin": LEAST_OUTSTANDING,
    "locker": ROUND_ROBIN,
}


class BalancerStack(Stack):
    """Load balancer, target group and VPC link of one service."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        network: ServiceNetwork,
        certificate: acm.ICertificate,
        host_name: str,
        zone_id: str,
        proofs: GatewayProofs,
        callers: Sequence[str],
        protected: bool,
        log_days: int,
        **kwargs: Any,
    ) -> None:
        """`callers` are the address ranges whose machines may call without a gateway's proof."""
        super().__init__(scope, id_, **kwargs)
        self.service = network.service
        self.host_name = host_name
        self.name = f"reclothes-{environment}-{self.service}"
        logs = log_bucket(self, "AccessLogs", f"{self.name}-load-balancer-logs", days=log_days)
        self.load_balancer = self._load_balancer(network, logs, protected)
        self.targets = self._targets(network)
        listener = self._listener(certificate)
        for number, gateway in enumerate(GATEWAYS, start=1):
            self._forward(listener, f"From{gateway.capitalize()}", number, self._proven(proofs.values(gateway)))
        for number, some in enumerate(_portions(callers), start=1):
            self._forward(listener, f"FromServices{number}", 10 + number, self._from(some))
        self.link = apigatewayv2.CfnVpcLink(
            self,
            "Link",
            name=self.name,
            subnet_ids=subnet_ids(network.public_subnets),
            security_group_ids=[group_id(network.front_end_group)],
        )
        self._name(zone_id)
        self._tell(environment)

    def _load_balancer(self, network: ServiceNetwork, logs: s3.Bucket, protected: bool) -> elb.CfnLoadBalancer:
        attributes = {
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": logs.bucket_name,
            "deletion_protection.enabled": str(protected).lower(),
            "idle_timeout.timeout_seconds": str(IDLE_SECONDS),
            "routing.http.drop_invalid_header_fields.enabled": "true",
            "routing.http.desync_mitigation_mode": "strictest",
            # Services believe the last address of X-Forwarded-For, which the gateway wrote.
            "routing.http.xff_header_processing.mode": "preserve",
        }
        balancer = elb.CfnLoadBalancer(
            self,
            "LoadBalancer",
            name=self.name,
            type="application",
            scheme="internal",
            subnets=subnet_ids(network.public_subnets),
            security_groups=[group_id(network.front_end_group)],
            load_balancer_attributes=[
                elb.CfnLoadBalancer.LoadBalancerAttributeProperty(key=key, value=value)
                for key, value in attributes.items()
            ],
        )
        if logs.policy is not None:  # without it the first log could not be written, and the creation would fail
            balancer.node.add_dependency(logs.policy)
        return balancer

    def _targets(self, network: ServiceNetwork) -> elb.CfnTargetGroup:
        """The service's pods, which the cluster's controller registers here (TargetGroupBinding)."""
        attributes = {
            "load_balancing.algorithm.type": ALGORITHMS[self.service],
            "deregistration_delay.timeout_seconds": str(DRAINING_SECONDS),
        }
        return elb.CfnTargetGroup(
            self,
            "Targets",
            name=self.name,
            target_type="ip",
            protocol="HTTPS",
            port=data_flow.SERVICE_PORT,
            vpc_id=network.vpc.ref,
            health_check_protocol="HTTPS",
            health_check_path="/readyz",
            health_check_interval_seconds=10,
            health_check_timeout_seconds=5,
            healthy_threshold_count=2,
            unhealthy_threshold_count=3,
            matcher=elb.CfnTargetGroup.MatcherProperty(http_code="200"),
            target_group_attributes=[
                elb.CfnTargetGroup.TargetGroupAttributeProperty(key=key, value=value)
                for key, value in attributes.items()
            ],
        )

    def _listener(self, certificate: acm.ICertificate) -> elb.CfnListener:
        return elb.CfnListener(
            self,
            "Listener",
            load_balancer_arn=self.load_balancer.ref,
            port=data_flow.HTTPS,
            protocol="HTTPS",
            ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            certificates=[elb.CfnListener.CertificateProperty(certificate_arn=certificate.certificate_arn)],
            default_actions=[
                elb.CfnListener.ActionProperty(
                    type="fixed-response",
                    fixed_response_config=elb.CfnListener.FixedResponseConfigProperty(
                        status_code="403", content_type="application/json", message_body=REFUSAL
                    ),
                )
            ],
            listener_attributes=[
                elb.CfnListener.ListenerAttributeProperty(key=key, value=value)
                for key, value in _ANSWER_HEADERS.items()
            ],
        )

    def _forward(self, listener: elb.CfnListener, id_: str, priority: int, condition: Any) -> None:
        """To the service, without the name of the stage, which a private integration leaves before the path."""
        elb.CfnListenerRule(
            self,
            id_,
            listener_arn=listener.ref,
            priority=priority,
            conditions=[condition],
            transforms=[
                elb.CfnListenerRule.TransformProperty(
                    type="url-rewrite",
                    url_rewrite_config=elb.CfnListenerRule.RewriteConfigObjectProperty(
                        rewrites=[elb.CfnListenerRule.RewriteConfigProperty(regex=f"^/{STAGE}/", replace="/")]
                    ),
                )
            ],
            actions=[elb.CfnListenerRule.ActionProperty(type="forward", target_group_arn=self.targets.ref)],
        )

    def _proven(self, values: list[str]) -> elb.CfnListenerRule.RuleConditionProperty:
        return elb.CfnListenerRule.RuleConditionProperty(
            field="http-header",
            http_header_config=elb.CfnListenerRule.HttpHeaderConfigProperty(
                http_header_name=PROOF_HEADER, values=values
            ),
        )

    def _from(self, ranges: list[str]) -> elb.CfnListenerRule.RuleConditionProperty:
        return elb.CfnListenerRule.RuleConditionProperty(
            field="source-ip",
            source_ip_config=elb.CfnListenerRule.SourceIpConfigProperty(values=ranges),
        )

    def _name(self, zone_id: str) -> None:
        """Only the networks know the name; the gateways need it to check the certificate."""
        route53.CfnRecordSet(
            self,
            "Record",
            name=f"{self.host_name}.",
            type="A",
            hosted_zone_id=zone_id,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=self.load_balancer.attr_dns_name,
                hosted_zone_id=self.load_balancer.attr_canonical_hosted_zone_id,
            ),
        )

    def _tell(self, environment: str) -> None:
        """The chart of the service reads this to register its pods."""
        ssm.StringParameter(
            self,
            "TargetGroupArn",
            parameter_name=f"/reclothes/{environment}/{self.service}/target-group-arn",
            string_value=self.targets.ref,
            description=f"Where the pods of {self.service} are registered",
        )
        CfnOutput(self, "LoadBalancerArn", value=self.load_balancer.ref)


# A proxy integration passes a service's response unchanged, so these are added here. Any page may read a response,
# but preflights name the allowed pages only: a script of another page cannot send a token (docs/gateways.md).
_ANSWER_HEADERS = {
    "routing.http.response.access_control_allow_origin.header_value": "*",
    "routing.http.response.strict_transport_security.header_value": "max-age=63072000; includeSubDomains",
    "routing.http.response.x_content_type_options.header_value": "nosniff",
    "routing.http.response.server.enabled": "false",
}


def _portions(ranges: Sequence[str]) -> list[list[str]]:
    expected = list(ranges)
    return [expected[at : at + MOST_CONDITION_VALUES] for at in range(0, len(expected), MOST_CONDITION_VALUES)]
