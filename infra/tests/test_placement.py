"""What stands in the networks stands in its own tier, with the group of that tier and no other one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.environment import OUT
from infra.prove import proof_of
from infra.reachability.network import Network
from infra.reachability.resources import Resource, load
from infra.tests.support import ENVIRONMENTS

# Tier and role of the group of all that has addresses in a network; the design knows no other place.
PLACES = {("public", "front"), ("compute", "node"), ("data", "database"), ("entry", "door"), ("entry", "phones")}
# A Transit Gateway and NAT gateways have no group.
WITHOUT_GROUP = {"AWS::EC2::TransitGatewayAttachment", "AWS::EC2::NatGateway", "AWS::EC2::Subnet"}


def strings(value: Any) -> Iterator[str]:
    """All texts in a property, however deep."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


def places(resource: Resource, network: Network) -> set[tuple[str, str]]:
    """Tier and role for each pair of a subnet and a group that a resource names."""
    named = set(strings(dict(resource.properties)))
    tiers = {network.subnets[one].tier for one in named & network.subnets.keys()}
    roles = {network.group_roles[one][1] for one in named & network.group_roles.keys()}
    return {(tier, role) for tier in tiers for role in roles}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_is_where_the_design_has_it(environment: str) -> None:
    network = proof_of(environment).network
    found = {
        one.id: places(one, network) for one in load(OUT / environment).values() if one.type not in WITHOUT_GROUP
    }

    assert {name: wrong for name, at in found.items() if (wrong := at - PLACES)} == {}
    assert sum(bool(at) for at in found.values()) >= 2


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_rule_of_a_group_is_made_elsewhere(environment: str) -> None:
    """The rules of the six networks' groups come from the networks' own stacks, whatever other stacks add."""
    stacks = ("-network/", "-transit/", "-entry/")
    kinds = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroup")
    made = [one.id for one in load(OUT / environment).values() if one.type in kinds]

    assert [name for name in made if not any(stack in name for stack in stacks)] == []
