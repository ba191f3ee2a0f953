"""The CDK application: all stacks of one environment.

`python -m infra.synth` makes the templates of all environments; `cdk deploy --app "python -m infra.app prod"` is
what a release by hand calls (docs/operations/first-deployment.md).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk

from infra import environment as environments
from infra.cloud import Cloud
from infra.environment import SERVICES, Environment
from infra.network.entry import EntryStack
from infra.network.service_network import ZONES, ServiceNetwork
from infra.network.transit import TransitStack


class NetworkStack(cdk.Stack):
    """The stack of one service's network."""

    def __init__(self, app: cdk.App, service: str, environment: Environment) -> None:
        super().__init__(app, f"ReClothes-{environment.name}-{service}-network", env=place_of(environment))
        self.network = ServiceNetwork(self, "Network", service=service, environment=environment)
        self._tell_clusters()

    def _tell_clusters(self) -> None:
        """The outputs that kOps needs to make a cluster in this network (docs/operations/clusters.md)."""
        cdk.CfnOutput(self, "VpcId", value=self.network.vpc.ref)
        cdk.CfnOutput(self, "VpcRange", value=str(self.network.range))
        cdk.CfnOutput(self, "NodeGroupId", value=self.network.back_end_group.attr_group_id)
        subnets = zip(ZONES, self.network.compute_subnets, self.network.public_subnets, strict=True)
        for letter, compute, public in subnets:
            cdk.CfnOutput(self, f"Zone{letter}", value=str(compute.availability_zone))
            for tier, subnet in (("Compute", compute), ("Public", public)):
                cdk.CfnOutput(self, f"{tier}SubnetId{letter}", value=subnet.ref)
                cdk.CfnOutput(self, f"{tier}SubnetRange{letter}", value=str(subnet.cidr_block))


@dataclass(frozen=True)
class Networks:
    """What the other stacks of an environment stand in."""

    of: Mapping[str, ServiceNetwork]
    transit: TransitStack
    entry: EntryStack


def place_of(environment: Environment) -> cdk.Environment:
    """The region; the account is the one that deploys."""
    return cdk.Environment(region=environment.region)


def build_networks(app: cdk.App, environment: Environment) -> Networks:
    """The six networks, what connects them, and the way in for the company."""
    of = {service: NetworkStack(app, service, environment).network for service in SERVICES}
    place = place_of(environment)
    transit = TransitStack(app, f"ReClothes-{environment.name}-transit", networks=of, env=place)
    entry = EntryStack(app, f"ReClothes-{environment.name}-entry", networks=of, env=place)
    return Networks(of, transit, entry)


def build(app: cdk.App, environment: Environment) -> None:
    """All stacks of an environment."""
    cdk.Tags.of(app).add("reclothes:environment", environment.name)
    networks = build_networks(app, environment)
    Cloud(app, environment, networks.of, networks.entry)


def main() -> None:
    app = cdk.App()
    build(app, environments.load(sys.argv[1] if len(sys.argv) > 1 else ""))
    app.synth()


if __name__ == "__main__":
    main()
