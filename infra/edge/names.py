"""The public zone of an environment and the certificates of its hosts."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, CfnParameter, Fn, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from infra.environment import SERVICES


def host_of(service: str, domain: str) -> str:
    """The name of a service's load balancer, which only the networks can resolve."""
    return f"{service}.services.internal.{domain}"


class NamesStack(Stack):
    """The zone, and the certificates of the region's endpoints; Amazon renews them by the records that it made."""

    def __init__(self, scope: Construct, id_: str, *, domain: str, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        self.domain = domain
        self.zone = route53.PublicHostedZone(self, "Zone", zone_name=domain, comment="ReClothes, public names")
        validation = acm.CertificateValidation.from_dns(self.zone)
        self.gateways = acm.Certificate(
            self,
            "Gateways",
            domain_name=f"api.{domain}",
            subject_alternative_names=[f"api.internal.{domain}"],
            validation=validation,
        )
        first, *others = (host_of(service, domain) for service in SERVICES)
        self.services = acm.Certificate(
            self, "Services", domain_name=first, subject_alternative_names=others, validation=validation
        )
        # Nobody but Amazon may issue certificates for these names.
        route53.CaaRecord(
            self,
            "Issuers",
            zone=self.zone,
            values=[
                route53.CaaRecordValue(flag=0, tag=route53.CaaTag.ISSUE, value="amazon.com"),
                route53.CaaRecordValue(flag=0, tag=route53.CaaTag.ISSUEWILD, value="amazon.com"),
            ],
        )
        CfnOutput(self, "NameServers", value=self._name_servers(), description="Enter these at the registrar")
        CfnOutput(self, "ZoneId", value=self.zone.hosted_zone_id)

    def _name_servers(self) -> str:
        return Fn.join(" ", self.zone.hosted_zone_name_servers or [])


class SiteNamesStack(Stack):
    """The certificate of the web sites: CloudFront takes it from us-east-1 only.

    CloudFormation hands nothing from one region to another, so the zone's id comes as a parameter.
    """

    def __init__(self, scope: Construct, id_: str, *, domain: str, **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        zone_id = CfnParameter(
            self,
            "ZoneId",
            type="AWS::Route53::HostedZone::Id",
            description="Output ZoneId of the stack with the names of this environment",
        )
        zone = route53.PublicHostedZone.from_public_hosted_zone_id(self, "Zone", zone_id.value_as_string)
        self.certificate = acm.Certificate(
            self,
            "Sites",
            domain_name=f"www.{domain}",
            subject_alternative_names=[f"photos.{domain}", f"manage.internal.{domain}"],
            validation=acm.CertificateValidation.from_dns(zone),
        )
        CfnOutput(self, "CertificateArn", value=self.certificate.certificate_arn)
