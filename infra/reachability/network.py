"""The network as the templates describe it: subnets, routes, access lists, groups, Transit Gateway, endpoints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from ipaddress import IPv4Network
from typing import Any, NamedTuple

from infra.reachability.ports import Bounds
from infra.reachability.resources import Resource, Resources

_range = cache(IPv4Network)
ANYWHERE = _range("0.0.0.0/0")
ALL_PORTS: Bounds = (0, 65535)
PROTOCOL_NAMES = {"6": "tcp", "17": "udp", "-1": "all"}


class Subnet(NamedTuple):
    """A subnet with the table and the list that it uses; None is Amazon's default one."""

    id: str
    vpc: str
    range: IPv4Network
    tier: str
    zone: str
    route_table: str | None
    access_list: str | None


class Route(NamedTuple):
    """Where packets to a destination go: the kind of next hop, and its id. A destination may be `s3`."""

    destination: IPv4Network | str
    kind: str
    hop: str


class Entry(NamedTuple):
    """An entry of an access list, in the order of its number."""

    number: int
    outbound: bool
    range: IPv4Network
    protocol: str
    ports: Bounds
    allows: bool


class Rule(NamedTuple):
    """A rule of a security group; the far end is a range or a group."""

    outbound: bool
    far: IPv4Network | str
    protocol: str
    ports: Bounds


class Interface(NamedTuple):
    """Addresses that an AWS service has in subnets, with its groups."""

    id: str
    service: str
    vpc: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    answers_to_name: bool


class Attachment(NamedTuple):
    """A network on the Transit Gateway, by some of its subnets."""

    id: str
    vpc: str
    subnets: tuple[str, ...]
    names_groups: bool


class Network:
    """What the proof needs of the templates, by id."""

    def __init__(self, resources: Resources) -> None:
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        for resource in resources.values():
            self._by_type[resource.type.removeprefix("AWS::EC2::")].append(resource)

    def _all(self, kind: str) -> list[Resource]:
        return self._by_type.get(kind, [])

    @cached_property
    def vpcs(self) -> dict[str, tuple[str, IPv4Network]]:
        """Service and range of each network."""
        return {
            vpc.id: (vpc.tags["reclothes:service"], _range(vpc.properties["CidrBlock"])) for vpc in self._all("VPC")
        }

    @cached_property
    def subnets(self) -> dict[str, Subnet]:
        tables = self._associations("SubnetRouteTableAssociation", "RouteTableId")
        lists = self._associations("SubnetNetworkAclAssociation", "NetworkAclId")
        return {
            found.id: Subnet(
                found.id,
                found.properties["VpcId"],
                _range(found.properties["CidrBlock"]),
                found.tags["reclothes:tier"],
                found.properties["AvailabilityZone"],
                tables.get(found.id),
                lists.get(found.id),
            )
            for found in self._all("Subnet")
        }

    def _associations(self, kind: str, target: str) -> dict[str, str]:
        return {found.properties["SubnetId"]: found.properties[target] for found in self._all(kind)}

    @cached_property
    def public_by_default(self) -> list[str]:
        """Subnets that give public addresses to whatever starts in them."""
        return [found.id for found in self._all("Subnet") if found.properties.get("MapPublicIpOnLaunch")]

    @cached_property
    def routes(self) -> dict[str, list[Route]]:
        """The routes of each table, without the local one that every table has."""
        found: dict[str, list[Route]] = {table.id: [] for table in self._all("RouteTable")}
        for route in self._all("Route"):
            destination = _range(route.properties["DestinationCidrBlock"])
            found[route.properties["RouteTableId"]].append(Route(destination, *self._hop_of(route)))
        for endpoint in self._all("VPCEndpoint"):
            if endpoint.properties.get("VpcEndpointType") == "Gateway":
                for table in endpoint.properties.get("RouteTableIds", ()):
                    found[table].append(Route(_aws_service(endpoint), "endpoint", endpoint.id))
        return found

    def _hop_of(self, route: Resource) -> tuple[str, str]:
        given = route.properties
        if "NatGatewayId" in given:
            return "nat", given["NatGatewayId"]
        if "TransitGatewayId" in given:
            return "transit", given["TransitGatewayId"]
        return ("vpn" if given["GatewayId"] in self.vpn_gateways else "internet"), given["GatewayId"]

    @cached_property
    def gateways(self) -> dict[str, str]:
        """Internet and VPN gateways that are attached, and to which network."""
        return {
            found.properties.get("InternetGatewayId") or found.properties["VpnGatewayId"]: found.properties["VpcId"]
            for found in self._all("VPCGatewayAttachment")
        }

    @cached_property
    def vpn_gateways(self) -> set[str]:
        return {found.id for found in self._all("VPNGateway")}

    @cached_property
    def nats(self) -> dict[str, str]:
        """NAT gateways and their subnets."""
        return {found.id: found.properties["SubnetId"] for found in self._all("NatGateway")}

    @cached_property
    def access_lists(self) -> dict[str, tuple[Entry, ...]]:
        found: dict[str, list[Entry]] = {made.id: [] for made in self._all("NetworkAcl")}
        for entry in self._all("NetworkAclEntry"):
            found[entry.properties["NetworkAclId"]].append(_entry(entry))
        return {name: tuple(sorted(made, key=lambda entry: entry.number)) for name, made in found.items()}

    @cached_property
    def group_roles(self) -> dict[str, tuple[str, str]]:
        """Network and role of each security group."""
        return {
            found.id: (found.properties["VpcId"], found.tags["reclothes:role"])
            for found in self._all("SecurityGroup")
        }

    @cached_property
    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """The rules of each group; one without any outbound rule lets everything out."""
        found: dict[str, list[Rule]] = {}
        for group in self._all("SecurityGroup"):
            inline = [_rule(rule, True) for rule in group.properties.get("SecurityGroupEgress", ())]
            inline += [_rule(rule, False) for rule in group.properties.get("SecurityGroupIngress", ())]
            if not any(rule.outbound for rule in inline):
                inline.append(Rule(True, ANYWHERE, "all", ALL_PORTS))
            found[group.id] = inline
        for outbound, kind in ((True, "SecurityGroupEgress"), (False, "SecurityGroupIngress")):
            for rule in self._all(kind):
                found[rule.properties["GroupId"]].append(_rule(rule.properties, outbound))
        return {name: tuple(rules) for name, rules in found.items()}

    @cached_property
    def attachments(self) -> dict[str, Attachment]:
        """The networks on the Transit Gateway, by network."""
        hubs = {
            hub.id: hub.properties.get("SecurityGroupReferencingSupport") for hub in self._all("TransitGateway")
        }
        return {
            found.properties["VpcId"]: Attachment(
                found.id,
                found.properties["VpcId"],
                tuple(found.properties["SubnetIds"]),
                hubs.get(found.properties["TransitGatewayId"]) == "enable"
                and found.properties.get("Options", {}).get("SecurityGroupReferencingSupport") == "enable",
            )
            for found in self._all("TransitGatewayAttachment")
        }

    @cached_property
    def transit_tables(self) -> dict[str, str]:
        """Which table of the Transit Gateway each attachment uses."""
        return {
            found.properties["TransitGatewayAttachmentId"]: found.properties["TransitGatewayRouteTableId"]
            for found in self._all("TransitGatewayRouteTableAssociation")
        }

    @cached_property
    def transit_routes(self) -> dict[str, list[Route]]:
        """The routes of the Transit Gateway's tables; a propagation is a route to the whole network."""
        found: dict[str, list[Route]] = {table.id: [] for table in self._all("TransitGatewayRouteTable")}
        for route in self._all("TransitGatewayRoute"):
            given = route.properties
            destination = _range(given["DestinationCidrBlock"])
            hop = Route(destination, "attachment", given["TransitGatewayAttachmentId"])
            found[given["TransitGatewayRouteTableId"]].append(hop)
        ranges = {attachment.id: self.vpcs[attachment.vpc][1] for attachment in self.attachments.values()}
        for propagation in self._all("TransitGatewayRouteTablePropagation"):
            attachment = propagation.properties["TransitGatewayAttachmentId"]
            hop = Route(ranges[attachment], "attachment", attachment)
            found[propagation.properties["TransitGatewayRouteTableId"]].append(hop)
        return found

    @cached_property
    def interfaces(self) -> list[Interface]:
        """Endpoints with addresses in subnets, and the internal resolver."""
        found = [
            Interface(
                endpoint.id,
                _aws_service(endpoint),
                endpoint.properties["VpcId"],
                tuple(endpoint.properties.get("SubnetIds", ())),
                tuple(endpoint.properties.get("SecurityGroupIds", ())),
                bool(endpoint.properties.get("PrivateDnsEnabled")),
            )
            for endpoint in self._all("VPCEndpoint")
            if endpoint.properties.get("VpcEndpointType") == "Interface"
        ]
        return found + list(self._resolvers())

    def _resolvers(self) -> Iterator[Interface]:
        for made in self._all("AWS::Route53Resolver::ResolverEndpoint"):
            subnets = tuple(address["SubnetId"] for address in made.properties["IpAddresses"])
            vpc = self.subnets[subnets[0]].vpc
            yield Interface(made.id, "resolver", vpc, subnets, tuple(made.properties["SecurityGroupIds"]), True)

    @cached_property
    def client_vpns(self) -> list[Interface]:
        """Client VPNs: the subnets in which their clients appear, and the groups that these have there."""
        return [
            Interface(
                made.id,
                "client-vpn",
                made.properties["VpcId"],
                tuple(self._client_vpn_parts("ClientVpnTargetNetworkAssociation", made.id, "SubnetId")),
                tuple(made.properties.get("SecurityGroupIds", ())),
                True,
            )
            for made in self._all("ClientVpnEndpoint")
        ]

    @cached_property
    def client_vpn_targets(self) -> dict[str, list[IPv4Network]]:
        """Which ranges the clients of a client VPN may call."""
        return {
            made.id: [
                _range(text)
                for text in self._client_vpn_parts("ClientVpnAuthorizationRule", made.id, "TargetNetworkCidr")
            ]
            for made in self._all("ClientVpnEndpoint")
        }

    def _client_vpn_parts(self, kind: str, endpoint: str, name: str) -> Iterable[Any]:
        return [
            made.properties[name] for made in self._all(kind) if made.properties["ClientVpnEndpointId"] == endpoint
        ]

    @cached_property
    def vpn_routes(self) -> dict[str, list[IPv4Network]]:
        """The ranges behind each VPN gateway."""
        gateways = {made.id: made.properties["VpnGatewayId"] for made in self._all("VPNConnection")}
        found: dict[str, list[IPv4Network]] = {gateway: [] for gateway in gateways.values()}
        for route in self._all("VPNConnectionRoute"):
            gateway = gateways.get(route.properties["VpnConnectionId"])
            if gateway:
                found[gateway].append(_range(route.properties["DestinationCidrBlock"]))
        return found


def _aws_service(endpoint: Resource) -> str:
    """`ecr.api` of `com.amazonaws.eu-central-1.ecr.api`."""
    return str(endpoint.properties["ServiceName"]).split(".", 3)[3]


def _entry(resource: Resource) -> Entry:
    given = resource.properties
    protocol = PROTOCOL_NAMES.get(str(given["Protocol"]), "other")
    span = given.get("PortRange")
    ports = (span["From"], span["To"]) if span else ALL_PORTS
    return Entry(
        given["RuleNumber"],
        bool(given.get("Egress")),
        _range(given["CidrBlock"]),
        protocol,
        ports,
        given["RuleAction"] == "allow",
    )


def _rule(given: Any, outbound: bool) -> Rule:
    group = given.get("DestinationSecurityGroupId" if outbound else "SourceSecurityGroupId")
    protocol = str(given["IpProtocol"])
    named = {"-1": "all", "6": "tcp", "17": "udp"}.get(protocol, protocol)
    ports = (given.get("FromPort", 0), given.get("ToPort", 65535))
    return Rule(outbound, group or _range(given["CidrIp"]), named, ports if named in ("tcp", "udp") else ALL_PORTS)


def all_bounds(resources: Resources) -> Iterator[Bounds]:
    """The bounds of ports in all rules."""
    network = Network(resources)
    for entries in network.access_lists.values():
        yield from (entry.ports for entry in entries)
    for rules in network.rules.values():
        yield from (rule.ports for rule in rules)
