"""Shield Advanced for the public entries. Shield Standard protects them in any case and costs nothing."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_shield as shield
from constructs import Construct

from infra.edge.sites import SitesStack
from infra.names import logical


class ShieldStack(Stack):
    """Created only where the settings have `shield_advanced`: it commits the account to a subscription for a year.

    The subscription itself is bought by hand. Shield does not protect an API Gateway; the web ACL does.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        zone: route53.IHostedZone,
        sites: SitesStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        protected = {"zone": zone.hosted_zone_arn}
        for key, distribution in sites.distributions.items():
            protected[key] = self.format_arn(
                service="cloudfront", region="", resource="distribution", resource_name=distribution.distribution_id
            )
        for name, arn in protected.items():
            shield.CfnProtection(self, logical(name), name=f"reclothes-{environment}-{name}", resource_arn=arn)
