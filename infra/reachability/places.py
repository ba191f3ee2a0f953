"""Places are addresses that no rule may cut through; actors are what stands in them, with its security groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from infra.reachability.network import Interface, Network

# Documentation ranges (RFC 5737) stand for all public addresses, and for those of S3.
INTERNET_RANGE, S3_RANGE = IPv4Network("198.51.100.0/24"), IPv4Network("192.0.2.0/24")
ROLE_OF_TIER = {"public": "front", "compute": "node", "data": "database"}


@dataclass(frozen=True)
class Place:
    """Addresses that are always meant together: a subnet, a gap between subnets, or something outside."""

    name: str
    range: IPv4Network
    vpc: str | None = None
    subnet: str | None = None

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Actor:
    """Something with addresses. `role` is `<service>.<kind>`; actors of one role differ by their zone only."""

    name: str
    role: str
    place: Place
    groups: frozenset[str] = frozenset()
    client_vpn: str | None = None

    def __hash__(self) -> int:
        return hash(self.name)


def outside_places(company: IPv4Network) -> dict[str, Place]:
    """What is not in a network of ours. The company's neighbour shows a range that is a bit too wide."""
    [neighbour] = company.supernet().address_exclude(company)
    ranges = {"internet": INTERNET_RANGE, "s3": S3_RANGE, "company": company, "next to the company": neighbour}
    return {name: Place(name, found) for name, found in ranges.items()}


def places_of(network: Network, company: IPv4Network) -> dict[str, Place]:
    """All places: subnets by their id, gaps and the outside by a name."""
    found = outside_places(company)
    for vpc, (service, whole) in network.vpcs.items():
        gaps = [whole]
        for subnet in (one for one in network.subnets.values() if one.vpc == vpc):
            name = f"{service}.{subnet.tier}-{subnet.zone[-1]}"
            found[subnet.id] = Place(name, subnet.range, vpc, subnet.id)
            gaps = [rest for gap in gaps for rest in _without(gap, subnet.range)]
        for gap in gaps:
            found[f"{service}.gap {gap}"] = Place(f"{service}.gap {gap}", gap, vpc)
    return found


def _without(block: IPv4Network, part: IPv4Network) -> list[IPv4Network]:
    return list(block.address_exclude(part)) if part.subnet_of(block) else [block]


def actors_of(network: Network, places: dict[str, Place]) -> list[Actor]:
    """What stands where by design; endpoints, the resolver and phones as the templates place them."""
    found = [Actor(name, name, places[name]) for name in ("internet", "s3", "company")]
    for vpc, (service, _) in network.vpcs.items():
        groups = {role: group for group, (home, role) in network.group_roles.items() if home == vpc}
        for subnet in (one for one in network.subnets.values() if one.vpc == vpc):
            role = ROLE_OF_TIER.get(subnet.tier)
            if role:
                name = f"{service}.{role}"
                found.append(Actor(f"{name}-{subnet.zone[-1]}", name, places[subnet.id], frozenset([groups[role]])))
    for interface in network.interfaces:
        if interface.service in ("execute-api", "resolver"):
            found += _of_interface(network, places, interface, "door")
    for vpn in network.client_vpns:
        found += _of_interface(network, places, vpn, "phones")
    return found


def _of_interface(network: Network, places: dict[str, Place], found: Interface, role: str) -> Iterator[Actor]:
    for subnet in found.subnets:
        name = f"{found.service}-{network.subnets[subnet].zone[-1]}"
        vpn = found.id if role == "phones" else None
        yield Actor(name, role, places[subnet], frozenset(found.groups), vpn)


def strangers_of(places: dict[str, Place]) -> list[Actor]:
    """Something without any group in every place: what a group's rules must not mean by accident."""
    return [Actor(f"a stranger in {place.name}", "stranger", place) for place in places.values()]
