"""What crosses from one subnet into another for each flow of the design: what access lists have to let through.

An access list is stateless. So each crossing needs four entries: out of the first subnet, into the second one, and
the response back to the caller's ephemeral ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from infra.environment import Environment
from infra.network import ranges
from infra.network.data_flow import (
    AUTHORIZER_OWNER,
    CLIENT_PORTS,
    CLUSTER,
    DOOR,
    ELASTICACHE,
    ENTRY_OWNER,
    HTTPS,
    NODE_PORTS,
    PEERS,
    SERVICE_PORT,
    SETTINGS_OWNER,
    STORES,
    Ports,
    callers_of,
    settings_readers,
)
from infra.network.ranges import COMPUTE, DATA, ENTRY, PUBLIC, TRANSIT, tier_range

INTERNET = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True)
class Crossing:
    """Calls from `source` to `target` on `ports`, from the subnets of one tier into those of another.

    A tier is None where the packet comes from, or goes to, something without an access list.
    """

    from_tier: str | None
    to_tier: str | None
    source: IPv4Network
    target: IPv4Network
    ports: Ports
    caller_ports: Ports = CLIENT_PORTS
    protocol: str = "tcp"


@dataclass(frozen=True, order=True)
class Entry:
    """One entry of an access list; the range is the far end's."""

    outbound: bool
    protocol: str
    range: IPv4Network
    ports: Ports

    def covers(self, other: Entry) -> bool:
        """Whether this one lets through all that the other one does."""
        return (
            (self.outbound, self.protocol) == (other.outbound, other.protocol)
            and other.range.subnet_of(self.range)
            and self.ports[0] <= other.ports[0]
            and other.ports[1] <= self.ports[1]
        )


def crossings(service: str, environment: Environment) -> Iterator[Crossing]:
    """All crossings inside one service's network."""
    own = {tier: tier_range(environment.ranges[service], tier) for tier in ranges.BLOCKS}
    https = (HTTPS, HTTPS)
    yield Crossing(PUBLIC, PUBLIC, own[PUBLIC], own[PUBLIC], https)
    yield Crossing(PUBLIC, COMPUTE, own[PUBLIC], own[COMPUTE], (SERVICE_PORT, SERVICE_PORT))
    for port in STORES[service]:
        yield Crossing(COMPUTE, DATA, own[COMPUTE], own[DATA], (port, port))
    for protocol, ports in CLUSTER:
        yield Crossing(COMPUTE, COMPUTE, own[COMPUTE], own[COMPUTE], ports, protocol=protocol)
    yield Crossing(COMPUTE, PUBLIC, own[COMPUTE], INTERNET, https, NODE_PORTS)
    yield Crossing(PUBLIC, None, own[PUBLIC], INTERNET, https)
    if service == AUTHORIZER_OWNER:
        yield Crossing(COMPUTE, PUBLIC, own[COMPUTE], own[PUBLIC], https)
    yield from _between_networks(service, environment, own)
    if service == ENTRY_OWNER:
        for protocol, ports in DOOR:
            yield Crossing(ENTRY, ENTRY, own[ENTRY], own[ENTRY], ports, protocol=protocol)
            yield Crossing(None, ENTRY, environment.company_range, own[ENTRY], ports, protocol=protocol)


def _between_networks(service: str, environment: Environment, own: Mapping[str, IPv4Network]) -> Iterator[Crossing]:
    def tier(other: str, name: str) -> IPv4Network:
        return tier_range(environment.ranges[other], name)

    https, cache = (HTTPS, HTTPS), (ELASTICACHE, ELASTICACHE)
    for peer in PEERS[service]:
        yield Crossing(COMPUTE, TRANSIT, own[COMPUTE], tier(peer, PUBLIC), https, NODE_PORTS)
    for caller in callers_of(service):
        yield Crossing(TRANSIT, PUBLIC, tier(caller, COMPUTE), own[PUBLIC], https, NODE_PORTS)
    if service in settings_readers():
        yield Crossing(COMPUTE, TRANSIT, own[COMPUTE], tier(SETTINGS_OWNER, DATA), cache, NODE_PORTS)
    if service == SETTINGS_OWNER:
        for reader in settings_readers():
            yield Crossing(TRANSIT, DATA, tier(reader, COMPUTE), own[DATA], cache, NODE_PORTS)


def entries(service: str, environment: Environment) -> dict[str, list[Entry]]:
    """The access list of each tier: what its crossings need, without entries that another one covers."""
    needed: dict[str, set[Entry]] = {}
    for crossing in crossings(service, environment):
        for tier, found in _entries_of(crossing):
            needed.setdefault(tier, set()).add(found)
    return {
        tier: sorted(entry for entry in found if not any(other != entry and other.covers(entry) for other in found))
        for tier, found in needed.items()
    }


def _entries_of(crossing: Crossing) -> Iterator[tuple[str, Entry]]:
    protocol = crossing.protocol
    if crossing.from_tier:
        yield crossing.from_tier, Entry(True, protocol, crossing.target, crossing.ports)
        yield crossing.from_tier, Entry(False, protocol, crossing.target, crossing.caller_ports)
    if crossing.to_tier:
        yield crossing.to_tier, Entry(False, protocol, crossing.source, crossing.ports)
        yield crossing.to_tier, Entry(True, protocol, crossing.source, crossing.caller_ports)
