"""The names of the gateways: the only way in, with TLS 1.2 or newer."""

from __future__ import annotations

from aws_cdk import Fn
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from infra.edge.balancer import STAGE
from infra.edge.gateways import GatewayStack
from infra.network.entry import EntryStack

SECURITY_POLICY = "TLS_1_2"


class PublicName(Construct):
    """`api.<domain>` leads to the external gateway; the public zone knows it."""

    def __init__(
        self, scope: GatewayStack, id_: str, *, name: str, certificate: acm.ICertificate, zone: route53.IHostedZone
    ) -> None:
        super().__init__(scope, id_)
        self.domain = apigateway.CfnDomainName(
            self,
            "Name",
            domain_name=name,
            regional_certificate_arn=certificate.certificate_arn,
            endpoint_configuration=apigateway.CfnDomainName.EndpointConfigurationProperty(types=["REGIONAL"]),
            security_policy=SECURITY_POLICY,
        )
        mapping = apigateway.CfnBasePathMapping(
            self, "Mapping", domain_name=self.domain.ref, rest_api_id=scope.api.ref, stage=STAGE
        )
        mapping.node.add_dependency(scope.stage)
        route53.CfnRecordSet(
            self,
            "Record",
            name=f"{name}.",
            type="A",
            hosted_zone_id=zone.hosted_zone_id,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=self.domain.attr_regional_domain_name,
                hosted_zone_id=self.domain.attr_regional_hosted_zone_id,
            ),
        )


class PrivateName(Construct):
    """`api.internal.<domain>` leads to the internal gateway, by the door alone; only the private zone knows it."""

    def __init__(
        self, scope: GatewayStack, id_: str, *, name: str, certificate: acm.ICertificate, entry: EntryStack
    ) -> None:
        super().__init__(scope, id_)
        endpoint_id = entry.gateway_endpoint.ref
        invoke = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
        elsewhere = {"Condition": {"StringNotEquals": {"aws:SourceVpce": endpoint_id}}}
        self.domain = apigateway.CfnDomainNameV2(
            self,
            "Name",
            domain_name=name,
            certificate_arn=certificate.certificate_arn,
            endpoint_configuration=apigateway.CfnDomainNameV2.EndpointConfigurationProperty(types=["PRIVATE"]),
            security_policy=SECURITY_POLICY,
            policy={"Version": "2012-10-17", "Statement": [invoke, {**invoke, "Effect": "Deny", **elsewhere}]},
        )
        mapping = apigateway.CfnBasePathMappingV2(
            self, "Mapping", domain_name_arn=self.domain.ref, rest_api_id=scope.api.ref, stage=STAGE
        )
        mapping.node.add_dependency(scope.stage)
        apigateway.CfnDomainNameAccessAssociation(
            self,
            "Access",
            access_association_source=endpoint_id,
            access_association_source_type="VPCE",
            domain_name_arn=self.domain.ref,
        )
        # The endpoint's names, each as "zone:name"; the first one is that of both zones.
        door = Fn.select(0, entry.gateway_endpoint.attr_dns_entries)
        route53.CfnRecordSet(
            self,
            "Record",
            name=f"{name}.",
            type="A",
            hosted_zone_id=entry.zone.ref,
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                hosted_zone_id=Fn.select(0, Fn.split(":", door)), dns_name=Fn.select(1, Fn.split(":", door))
            ),
        )
