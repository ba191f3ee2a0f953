"""Templates with one rule taken away or made wider. The proof has to see each of them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import NamedTuple

from infra.reachability.resources import Resource, Resources

EVERYWHERE = "0.0.0.0/0"


class Mutant(NamedTuple):
    """What was done to which resource, and all resources with that done."""

    resource: str
    change: str
    resources: Resources

    @property
    def name(self) -> str:
        return f"{self.resource}: {self.change}"


# Resources that let something through by being there: each is taken away once.
REMOVED = (
    "Route",
    "NetworkAclEntry",
    "SecurityGroupIngress",
    "SecurityGroupEgress",
    "SubnetRouteTableAssociation",
    "SubnetNetworkAclAssociation",
    "VPCGatewayAttachment",
    "NatGateway",
    "VPCEndpoint",
    "TransitGatewayAttachment",
    "TransitGatewayRouteTableAssociation",
    "TransitGatewayRoute",
    "VPNConnection",
    "VPNConnectionRoute",
    "ClientVpnTargetNetworkAssociation",
    "ClientVpnAuthorizationRule",
)
# Which property of a rule is its range.
RANGES = {
    "Route": "DestinationCidrBlock",
    "NetworkAclEntry": "CidrBlock",
    "SecurityGroupIngress": "CidrIp",
    "SecurityGroupEgress": "CidrIp",
    "TransitGatewayRoute": "DestinationCidrBlock",
    "VPNConnectionRoute": "DestinationCidrBlock",
    "ClientVpnAuthorizationRule": "TargetNetworkCidr",
}


def mutants(resources: Resources) -> Iterator[Mutant]:
    """All mutants of these resources."""
    for resource in resources.values():
        kind = resource.type.removeprefix("AWS::EC2::")
        if kind in REMOVED:
            yield Mutant(
                resource.id, "removed", {name: one for name, one in resources.items() if name != resource.id}
            )
        for change, changed in _changes(kind, resource):
            if changed != resource:
                yield Mutant(resource.id, change, {**resources, resource.id: changed})
    yield from _propagations(resources)


def _changes(kind: str, resource: Resource) -> Iterator[tuple[str, Resource]]:
    if kind in RANGES:
        yield from _wider_ranges(resource, RANGES[kind])
    if kind == "NetworkAclEntry":
        yield from _wider_entries(resource)
    if kind in ("SecurityGroupIngress", "SecurityGroupEgress"):
        yield from _wider_rules(resource)
    if kind == "SecurityGroup":
        yield "may call everything", resource.changed(SecurityGroupEgress=None)
        anything = {"IpProtocol": "-1", "CidrIp": EVERYWHERE}
        yield "may be called by everything", resource.changed(SecurityGroupIngress=[anything])
    if kind == "Subnet":
        yield "gives out public addresses", resource.changed(MapPublicIpOnLaunch=True)
    if kind == "VPCEndpoint":
        yield from _worse_endpoints(resource)
    if kind == "TransitGateway":
        yield "names no groups", resource.changed(SecurityGroupReferencingSupport="disable")
    if kind == "TransitGatewayAttachment":
        yield "names no groups", resource.changed(Options=None)
        for subnet in resource.properties["SubnetIds"]:
            left = [one for one in resource.properties["SubnetIds"] if one != subnet]
            yield f"without {subnet}", resource.changed(SubnetIds=left)


def _wider_ranges(resource: Resource, name: str) -> Iterator[tuple[str, Resource]]:
    text = resource.properties.get(name)
    if text is None or text == EVERYWHERE:
        return
    yield f"{name} is {EVERYWHERE}", resource.changed(**{name: EVERYWHERE})
    wider = str(IPv4Network(text).supernet())
    yield f"{name} is one bit wider", resource.changed(**{name: wider})


def _wider_entries(resource: Resource) -> Iterator[tuple[str, Resource]]:
    low, high = resource.properties["PortRange"]["From"], resource.properties["PortRange"]["To"]
    yield "refuses", resource.changed(RuleAction="deny")
    yield "all ports", resource.changed(PortRange={"From": 0, "To": 65535})
    yield "all protocols", resource.changed(Protocol=-1, PortRange=None)
    yield "one port lower", resource.changed(PortRange={"From": low - 1, "To": high})


def _wider_rules(resource: Resource) -> Iterator[tuple[str, Resource]]:
    low, high = resource.properties["FromPort"], resource.properties["ToPort"]
    for name in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if name in resource.properties:
            yield f"{EVERYWHERE} in place of the group", resource.changed(**{name: None, "CidrIp": EVERYWHERE})
    yield "all ports", resource.changed(FromPort=0, ToPort=65535)
    yield "all protocols", resource.changed(IpProtocol="-1")
    yield "one port lower", resource.changed(FromPort=low - 1)
    if high < 65535:
        yield "one port higher", resource.changed(ToPort=high + 1)


def _worse_endpoints(resource: Resource) -> Iterator[tuple[str, Resource]]:
    if resource.properties.get("PrivateDnsEnabled"):
        yield "answers to no name", resource.changed(PrivateDnsEnabled=False)
    for name in ("RouteTableIds", "SubnetIds"):
        for part in resource.properties.get(name, ()):
            left = [one for one in resource.properties[name] if one != part]
            yield f"without {part}", resource.changed(**{name: left})
    if "SecurityGroupIds" in resource.properties:
        yield "without its group", resource.changed(SecurityGroupIds=[])


def _propagations(resources: Resources) -> Iterator[Mutant]:
    """A network that propagates its whole range to a table of the Transit Gateway."""
    tables = [one.id for one in resources.values() if one.type == "AWS::EC2::TransitGatewayRouteTable"]
    attachments = [one.id for one in resources.values() if one.type == "AWS::EC2::TransitGatewayAttachment"]
    for table in tables:
        for attachment in attachments:
            properties = {"TransitGatewayAttachmentId": attachment, "TransitGatewayRouteTableId": table}
            made = Resource("propagation", "AWS::EC2::TransitGatewayRouteTablePropagation", properties)
            yield Mutant(table, f"learns all of {attachment}", {**resources, made.id: made})
