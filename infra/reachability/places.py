"""Places are addresses that no rule may cut through; actors are what stands in them, with its security groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network

from infra.reachability.network import Interface, Network

# Documentation ranges (RFC 5737) stand for all public addresses, and for those of S3.
INTERNET_RANGE, S3_RANGE = IPv4Network("198.51.100.0/24"), IPv4Network("192.0.2.0/24")
ROLE_OF_TIER = {"public": "front", "compute": "node", "data": "database"}


@dataclass(frozen=True, eq=False)
class Place:
    """Addresses that are always meant together: a subnet, a gap between subnets, or something outside.

    There is one object for each, made by `_place`, so that comparing them is quick.
    """

    name: str
    range: IPv4Network
    vpc: str | None = None
    subnet: str | None = None


@dataclass(frozen=True, eq=False)
class Actor:
    """Something with addresses. `role` is `<service>.<kind>`; actors of one role differ by their zone only.

    There is one object for each, made by `_actor`.
    """

    name: str
    role: str
    place: Place
    groups: frozenset[str] = frozenset()
    client_vpn: str | None = None


_place = cache(Place)
_actor = cache(Actor)


def outside_places(company: IPv4Network) -> dict[str, Place]:
    """What is not in a network of ours. The company's neighbour shows a range that is a bit too wide."""
    [neighbour] = company.supernet().address_exclude(company)
    ranges = {"internet": INTERNET_RANGE, "s3": S3_RANGE, "company": company, "next to the company": neighbour}
    return {name: _place(name, found) for name, found in ranges.items()}


def places_of(network: Network, company: IPv4Network) -> dict[str, Place]:
    """All places: subnets by their id, gaps and the outside by a name."""
    vpcs = tuple((vpc, *described) for vpc, described in network.vpcs.items())
    subnets = tuple((one.id, one.vpc, one.range, one.tier, one.zone) for one in network.subnets.values())
    return _places_of(vpcs, subnets, company)


@cache
def _places_of(
    vpcs: tuple[tuple[str, str, IPv4Network], ...],
    subnets: tuple[tuple[str, str, IPv4Network, str, str], ...],
    company: IPv4Network,
) -> dict[str, Place]:
    found = outside_places(company)
    for vpc, service, whole in vpcs:
        gaps = [whole]
        for id_, _, range_, tier, zone in (one for one in subnets if one[1] == vpc):
            found[id_] = _place(f"{service}.{tier}-{zone[-1]}", range_, vpc, id_)
            gaps = [rest for gap in gaps for rest in _without(gap, range_)]
        for gap in gaps:
            found[f"{service}.gap {gap}"] = _place(f"{service}.gap {gap}", gap, vpc)
    return found


def _without(block: IPv4Network, part: IPv4Network) -> list[IPv4Network]:
    return list(block.address_exclude(part)) if part.subnet_of(block) else [block]


def actors_of(network: Network, places: dict[str, Place]) -> list[Actor]:
    """What stands where by design; endpoints, the resolver and phones as the templates place them."""
    found = [_actor(name, name, places[name]) for name in ("internet", "s3", "company")]
    for vpc, (service, _) in network.vpcs.items():
        groups = {role: group for group, (home, role) in network.group_roles.items() if home == vpc}
        for subnet in (one for one in network.subnets.values() if one.vpc == vpc):
            role = ROLE_OF_TIER.get(subnet.tier)
            if role:
                name = f"{service}.{role}"
                found.append(
                    _actor(f"{name}-{subnet.zone[-1]}", name, places[subnet.id], frozenset([groups[role]]))
                )
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
        yield _actor(name, role, places[subnet], frozenset(found.groups), vpn)


def strangers_of(places: dict[str, Place]) -> list[Actor]:
    """Something without any group in every place: what a group's rules must not mean by accident."""
    return [_actor(f"a stranger in {place.name}", "stranger", place) for place in places.values()]
