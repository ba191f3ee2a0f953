"""The network access lists: stateless allow-lists, one for each tier. What no entry names is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.environment import Environment
from infra.network.crossings import Entry, entries

PROTOCOLS = {"tcp": 6, "udp": 17}
FIRST_NUMBER, STEP = 100, 10


def add_access_lists(
    scope: Construct,
    service: str,
    environment: Environment,
    vpc: ec2.CfnVPC,
    subnets: Mapping[str, Sequence[ec2.CfnSubnet]],
) -> dict[str, ec2.CfnNetworkAcl]:
    """An access list for the subnets of each tier."""
    expected = entries(service, environment)
    made = {}
    for tier, of_tier in subnets.items():
        name = tier.capitalize()
        made[tier] = ec2.CfnNetworkAcl(scope, f"{name}AccessList", vpc_id=vpc.ref)
        for number, subnet in enumerate(of_tier):
            ec2.CfnSubnetNetworkAclAssociation(
                scope, f"{name}Access{'AB'[number]}", network_acl_id=made[tier].ref, subnet_id=subnet.ref
            )
        for outbound in (False, True):
            of_direction = [entry for entry in expected.get(tier, []) if entry.outbound == outbound]
            for number, entry in enumerate(of_direction):
                _add_entry(scope, name, made[tier], entry, FIRST_NUMBER + number * STEP)
    return made


def _add_entry(scope: Construct, tier: str, access_list: ec2.CfnNetworkAcl, entry: Entry, number: int) -> None:
    direction = "Out" if entry.outbound else "In"
    ec2.CfnNetworkAclEntry(
        scope,
        f"{tier}{direction}{number}",
        network_acl_id=access_list.ref,
        rule_number=number,
        protocol=PROTOCOLS[entry.protocol],
        rule_action="allow",
        egress=entry.outbound,
        cidr_block=str(entry.range),
        port_range=ec2.CfnNetworkAclEntry.PortRangeProperty(from_=entry.ports[0], to=entry.ports[1]),
    )
