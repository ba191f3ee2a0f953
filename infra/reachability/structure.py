"""What has to hold before any packet is thought of: tiers in two zones, nothing left to Amazon's defaults."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from infra.reachability.network import Network

TIERS = ("public", "compute", "data", "transit")
# The AWS services that nodes call all day; they shall not cross the internet.
NEEDED_ENDPOINTS = frozenset({"ecr.api", "ecr.dkr", "sqs", "sns", "logs", "monitoring", "sts", "secretsmanager"})


def findings(network: Network, interface_endpoints: bool, nat_gateways: int) -> Iterator[str]:
    """All that is not as it has to be."""
    for one, other in combinations(network.vpcs.values(), 2):
        if one[1].overlaps(other[1]):
            yield f"the ranges of {one[0]} and {other[0]} overlap"
    for vpc in network.vpcs:
        yield from _tiers(network, vpc)
        yield from _ways_out(network, vpc, nat_gateways)
        if interface_endpoints:
            yield from _endpoints(network, vpc)
    yield from _doors(network)
    for subnet in network.subnets.values():
        if subnet.route_table is None or subnet.access_list is None:
            yield f"{subnet.id} uses a table or a list of Amazon's"
    yield from (f"{subnet} gives out public addresses" for subnet in network.public_by_default)
    for name, rules in network.rules.items():
        home = network.group_roles[name][0]
        for rule in rules:
            if isinstance(rule.far, str) and rule.outbound and network.group_roles[rule.far][0] != home:
                yield f"{name} names a group of another network in an outbound rule"


def _tiers(network: Network, vpc: str) -> Iterator[str]:
    service, range_ = network.vpcs[vpc]
    own = [subnet for subnet in network.subnets.values() if subnet.vpc == vpc]
    for tier in TIERS:
        zones = {subnet.zone for subnet in own if subnet.tier == tier}
        if len(zones) != 2:
            yield f"{service} has {tier} subnets in {len(zones)} zones"
    if not all(subnet.range.subnet_of(range_) for subnet in own):
        yield f"{service} has a subnet outside its range"
    lists = {subnet.tier: subnet.access_list for subnet in own}
    if len(set(lists.values())) != len(lists):
        yield f"{service} has tiers that share an access list"


def _ways_out(network: Network, vpc: str, nat_gateways: int) -> Iterator[str]:
    """With two NAT gateways each zone has its own way out: losing one zone takes nothing from the other."""
    homes = [network.subnets[home] for home in network.nats.values() if network.subnets[home].vpc == vpc]
    service = network.vpcs[vpc][0]
    if len(homes) != nat_gateways or any(home.tier != "public" for home in homes):
        yield f"{service} has NAT gateways in {[home.id for home in homes]}"
    for subnet in (one for one in network.subnets.values() if one.vpc == vpc and one.tier == "compute"):
        hops = [route.hop for route in network.routes.get(subnet.route_table or "", []) if route.kind == "nat"]
        zones = {network.subnets[network.nats[hop]].zone for hop in hops if hop in network.nats}
        if nat_gateways == 2 and zones != {subnet.zone}:
            yield f"{subnet.id} goes out by {sorted(zones)}"


def _doors(network: Network) -> Iterator[str]:
    """The internal gateway's door, the internal names and the client VPN are there in both zones."""
    doors = {found.service: found for found in [*network.interfaces, *network.client_vpns]}
    for service in ("execute-api", "resolver", "client-vpn"):
        zones = {network.subnets[subnet].zone for subnet in doors[service].subnets} if service in doors else set()
        if len(zones) != 2:
            yield f"{service} is in {len(zones)} zones"


def _endpoints(network: Network, vpc: str) -> Iterator[str]:
    compute = {one.id for one in network.subnets.values() if one.vpc == vpc and one.tier == "compute"}
    nodes = {group for group, found in network.group_roles.items() if found == (vpc, "node")}
    reached = {
        found.service
        for found in network.interfaces
        if found.vpc == vpc
        and set(found.subnets) == compute
        and set(found.groups) == nodes
        and found.answers_to_name
    }
    if missing := NEEDED_ENDPOINTS - reached:
        yield f"{network.vpcs[vpc][0]} reaches {', '.join(sorted(missing))} by the internet"
