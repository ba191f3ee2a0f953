"""Builds the network of the templates from Linux network namespaces, to send real packets through it.

Each actor is a namespace with its groups as stateful nftables rules. Each service network is a router namespace: it
has a routing table for what comes in by each interface, and the access lists as rules without connection tracking.
The Transit Gateway, each NAT gateway, the internet, S3 and the company are namespaces too.
"""

from __future__ import annotations

import itertools
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from infra.reachability.network import ANYWHERE, Network, Route, Rule
from infra.reachability.places import Actor, Place

# Where a namespace finds its neighbour; the neighbour's Ethernet address is set, so no ARP request is ever sent.
NEIGHBOUR = "169.254.1.1"
OUTSIDE = ("internet", "s3", "company")


@dataclass
class Space:
    """One namespace: commands for `ip` in it, and its nftables rules."""

    name: str
    routes: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    port_range: tuple[int, int] = (1024, 65535)


@dataclass(frozen=True)
class Link:
    """An interface of a router: to which namespace, in which subnet (None is the outside), with which table."""

    interface: str
    space: str
    subnet: str | None
    table: int


class Topology:
    """All namespaces and the links between them. `build` makes them, `remove` takes them away."""

    def __init__(
        self,
        network: Network,
        places: Mapping[str, Place],
        actors: Sequence[Actor],
        port_ranges: Mapping[str, tuple[int, int]],
        prefix: str,
    ) -> None:
        self._network = network
        self._places = places
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self.spaces: dict[str, Space] = {}
        self._links: list[tuple[str, str, str, str]] = []
        self._routers: dict[str, list[Link]] = defaultdict(list)
        self._actors = actors
        self.addresses = {actor.name: self._address_of(actor) for actor in actors}
        self._space("transit")
        for actor in actors:
            self._space(actor.name).port_range = port_ranges.get(actor.role, (1024, 65535))
        for vpc in network.vpcs:
            self._add_network(vpc)
        for vpc in network.vpcs:
            self._route_network(vpc)
        for actor in actors:
            self._add_groups(actor)

    def space_of(self, actor: Actor) -> str:
        """The namespace of an actor."""
        return self.spaces[actor.name].name

    def _space(self, key: str) -> Space:
        return self.spaces.setdefault(key, Space(f"{self._prefix}{len(self.spaces)}"))

    def _address_of(self, actor: Actor) -> str:
        """An address in the actor's place; several actors of a subnet get different ones."""
        same = [other for other in self._actors if other.place == actor.place]
        return str(actor.place.range.network_address + 10 + same.index(actor))

    def _join(self, router: str, other: str, subnet: str | None = None) -> Link:
        """An interface of `router` to `other`, which has the router as its way to everywhere by default."""
        number = next(self._numbers)
        here, there = f"r{number}", f"e{number}"
        self._links.append((self._space(router).name, here, self._space(other).name, there))
        self._space(router).routes += _neighbour(here, there)
        self._space(other).routes += _neighbour(there, here)
        link = Link(here, other, subnet, 100 + number)
        self._routers[router].append(link)
        return link

    def _add_network(self, vpc: str) -> None:
        """The links of one service network."""
        for actor in self._actors:
            if actor.place.vpc == vpc:
                link = self._join(vpc, actor.name, actor.place.subnet)
                self._settle(actor, _other_end(link))
        for nat, subnet in self._network.nats.items():
            if self._network.subnets[subnet].vpc == vpc:
                self._add_nat(vpc, nat, subnet)
        for subnet in self._attached_subnets(vpc):
            self._join(vpc, "transit", subnet)
        for gateway, home in self._network.gateways.items():
            if home == vpc:
                outside = "company" if gateway in self._network.vpn_gateways else "internet"
                self._add_outside(vpc, outside)
        self._add_outside(vpc, "s3")

    def _attached_subnets(self, vpc: str) -> tuple[str, ...]:
        attachment = self._network.attachments.get(vpc)
        return attachment.subnets if attachment else ()

    def _settle(self, actor: Actor, interface: str) -> None:
        """The actor's address, and where it may send to: a phone only where the client VPN lets it."""
        space = self._space(actor.name)
        targets = ["default"]
        if actor.client_vpn:
            targets = [str(range_) for range_ in self._network.client_vpn_targets[actor.client_vpn]]
        space.routes.append(f"addr add {self.addresses[actor.name]}/32 dev {interface}")
        space.routes += [f"route add {target} via {NEIGHBOUR} dev {interface} onlink" for target in targets]

    def _add_nat(self, vpc: str, nat: str, subnet: str) -> None:
        link = self._join(vpc, nat, subnet)
        space, interface = self._space(nat), _other_end(link)
        space.routes += [
            f"addr add {self._nat_address(subnet)}/32 dev {interface}",
            f"route add default via {NEIGHBOUR} dev {interface} onlink",
        ]
        # Only what comes from inside is passed on; the response is matched to the tracked connection.
        inside = self._network.vpcs[vpc][1]
        space.rules += [
            "add table ip nat",
            "add chain ip nat out { type nat hook postrouting priority 100; }",
            f"add rule ip nat out ip saddr {inside} meta l4proto {{ tcp, udp }} masquerade to :1024-65535",
        ]

    def _nat_address(self, subnet: str) -> str:
        return str(self._network.subnets[subnet].range.network_address + 200)

    def _add_outside(self, vpc: str, name: str) -> None:
        """The internet, S3 or the company: it knows the way to the whole network, as if all there were public."""
        if name not in self.addresses:
            return
        link = self._join(vpc, name)
        space, interface = self._space(name), _other_end(link)
        if not any(command.endswith("dev lo") for command in space.routes):
            space.routes.append(f"addr add {self.addresses[name]}/32 dev lo")
        range_ = self._network.vpcs[vpc][1]
        source = self.addresses[name]
        space.routes.append(f"route add {range_} via {NEIGHBOUR} dev {interface} onlink src {source}")

    def _route_network(self, vpc: str) -> None:
        """A table for what comes in by each interface, and the access lists between the interfaces."""
        router = self._space(vpc)
        for link in self._routers[vpc]:
            router.routes.append(f"rule add iif {link.interface} lookup {link.table}")
            routes = [*self._local_routes(vpc), *self._further_routes(vpc, link)]
            router.routes += [f"route add {route} table {link.table}" for route in routes]
        router.rules += list(self._access_rules(self._routers[vpc]))
        self._route_transit(vpc)

    def _local_routes(self, vpc: str) -> Iterator[str]:
        for link in self._routers[vpc]:
            if link.space in self.addresses and link.subnet:
                yield f"{self.addresses[link.space]}/32 {_to(link)}"
            elif link.space in self._network.nats and link.subnet:
                yield f"{self._nat_address(link.subnet)}/32 {_to(link)}"
        # What is in nobody's hands is dropped here, as in a real network.
        yield f"unreachable {self._network.vpcs[vpc][1]}"

    def _further_routes(self, vpc: str, link: Link) -> Iterator[str]:
        """The routes of the subnet's table; what comes from outside finds only what is inside."""
        if link.subnet is None:
            return
        subnet = self._network.subnets[link.subnet]
        for route in self._network.routes.get(subnet.route_table or "", ()):
            hop = self._hop(vpc, route, subnet.zone)
            if hop:
                destination = self._places["s3"].range if route.destination == "s3" else route.destination
                yield f"{destination} {_to(hop)}"

    def _hop(self, vpc: str, route: Route, zone: str) -> Link | None:
        links = self._routers[vpc]
        expected = {"internet": "internet", "vpn": "company", "endpoint": "s3", "nat": route.hop}.get(route.kind)
        if route.kind == "transit":
            zones = {link: self._network.subnets[link.subnet].zone for link in links if link.subnet}
            return next((link for link in links if link.space == "transit" and zones[link] == zone), None)
        return next((link for link in links if link.space == expected), None)

    def _route_transit(self, vpc: str) -> None:
        """The Transit Gateway's table of this network: a route leads to the other one's subnet in the zone."""
        attachment = self._network.attachments.get(vpc)
        table = self._network.transit_tables.get(attachment.id) if attachment else None
        vpcs = {found.id: home for home, found in self._network.attachments.items()}
        gateway = self._space("transit")
        for link in (one for one in self._routers[vpc] if one.space == "transit" and one.subnet):
            zone = self._network.subnets[str(link.subnet)].zone
            gateway.routes.append(f"rule add iif {_other_end(link)} lookup {link.table}")
            for route in self._network.transit_routes.get(table or "", ()):
                hop = self._hop(vpcs[route.hop], Route(ANYWHERE, "transit", ""), zone)
                if hop:
                    way = f"via {NEIGHBOUR} dev {_other_end(hop)} onlink"
                    gateway.routes.append(f"route add {route.destination} {way} table {link.table}")

    def _access_rules(self, links: list[Link]) -> Iterator[str]:
        """The lists by interface: out of the one's subnet, into the other's; stateless."""
        yield "add table ip lists"
        for chain, priority in (("leaving", -10), ("entering", 0)):
            yield f"add chain ip lists {chain} {{ type filter hook forward priority {priority}; policy accept; }}"
        subnets = {link.subnet for link in links if link.subnet}
        for subnet in sorted(subnets):
            members = "{ " + ", ".join(link.interface for link in links if link.subnet == subnet) + " }"
            name = f"s{IPv4Address(self._network.subnets[subnet].range.network_address)}".replace(".", "_")
            for chain, match in (("leaving", "iifname"), ("entering", "oifname")):
                other = "oifname" if match == "iifname" else "iifname"
                yield f"add chain ip lists {name}_{chain}"
                yield from self._list_rules(f"{name}_{chain}", subnet, chain == "leaving")
                yield f"add rule ip lists {chain} {match} {members} {other} {members} accept"
                yield f"add rule ip lists {chain} {match} {members} jump {name}_{chain}"

    def _list_rules(self, chain: str, subnet: str, outbound: bool) -> Iterator[str]:
        access_list = self._network.subnets[subnet].access_list
        if access_list is None:
            return
        side = "daddr" if outbound else "saddr"
        for entry in self._network.access_lists[access_list]:
            if entry.outbound == outbound:
                verdict = "accept" if entry.allows else "drop"
                match = _match(entry.protocol, entry.ports)
                yield f"add rule ip lists {chain} ip {side} {entry.range} {match} {verdict}"
        yield f"add rule ip lists {chain} drop"

    def _add_groups(self, actor: Actor) -> None:
        """The actor's groups: what is part of a connection that was let through goes both ways."""
        if actor.name in OUTSIDE:
            return
        space = self._space(actor.name)
        space.rules.append("add table ip groups")
        for hook, outbound in (("input", False), ("output", True)):
            space.rules += [
                f"add chain ip groups {hook} {{ type filter hook {hook} priority 0; policy drop; }}",
                f"add rule ip groups {hook} ct state established,related accept",
            ]
            rules = [rule for group in sorted(actor.groups) for rule in self._network.rules[group]]
            for rule in (one for one in rules if one.outbound == outbound):
                for far in self._far_ends(rule):
                    side = "daddr" if outbound else "saddr"
                    match = _match(rule.protocol, rule.ports)
                    space.rules.append(f"add rule ip groups {hook} ip {side} {far} {match} accept")

    def _far_ends(self, rule: Rule) -> Iterable[str | IPv4Network]:
        if isinstance(rule.far, IPv4Network):
            return [rule.far]
        members = [self.addresses[actor.name] for actor in self._actors if rule.far in actor.groups]
        return ["{ " + ", ".join(members) + " }"] if members else []

    def build(self) -> None:
        """Make everything; CalledProcessError names the command that failed."""
        names = [space.name for space in self.spaces.values()]
        _ip_batch([f"netns add {name}" for name in names])
        _ip_batch(
            f"link add {here} netns {router} address {_mac(here)} type veth "
            f"peer name {there} netns {other} address {_mac(there)}"
            for router, here, other, there in self._links
        )
        for space in self.spaces.values():
            self._configure(space)

    def _configure(self, space: Space) -> None:
        interfaces = [here for router, here, _, _ in self._links if router == space.name]
        interfaces += [there for _, _, other, there in self._links if other == space.name]
        ups = [f"link set {interface} up" for interface in ["lo", *interfaces]]
        low, high = space.port_range
        settings = {
            "ip_forward": "1",
            "conf/all/rp_filter": "0",
            "conf/default/rp_filter": "0",
            "ip_local_port_range": f"{low} {high}",
            "tcp_syn_retries": "2",
        }
        settings |= {f"conf/{interface}/rp_filter": "0" for interface in interfaces}
        write = "\n".join(f"echo '{value}' > /proc/sys/net/ipv4/{name}" for name, value in settings.items())
        batch = "\n".join([*ups, *sorted(space.routes, key=_order)])
        script = (
            f"set -e\nip -batch - <<'EOF'\n{batch}\nEOF\n{write}\nnft -f - <<'EOF'\n"
            + "\n".join(space.rules)
            + "\nEOF\n"
        )
        _run(["ip", "netns", "exec", space.name, "sh", "-c", script])

    def remove(self) -> None:
        """Take everything away, also what was made only in part."""
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "del", space.name], capture_output=True, check=False)


def _order(command: str) -> int:
    """Addresses first, then neighbours, then routes."""
    return ("addr", "neigh", "rule", "route").index(command.split()[0])


def _neighbour(own: str, other: str) -> list[str]:
    return [f"neigh add {NEIGHBOUR} lladdr {_mac(other)} dev {own} nud permanent"]


def _to(link: Link) -> str:
    """By way of this interface, whatever is behind it."""
    return f"via {NEIGHBOUR} dev {link.interface} onlink"


def _other_end(link: Link) -> str:
    return "e" + link.interface.removeprefix("r")


def _mac(interface: str) -> str:
    """A fixed Ethernet address (locally administered) for an interface."""
    side, number = (1 if interface[0] == "r" else 2), int(interface[1:])
    return f"02:00:00:{side:02x}:{number >> 8:02x}:{number & 255:02x}"


def _match(protocol: str, ports: tuple[int, int]) -> str:
    if protocol in ("tcp", "udp"):
        return f"{protocol} dport {ports[0]}" + (f"-{ports[1]}" if ports[1] > ports[0] else "")
    return "" if protocol == "all" else f"ip protocol {protocol}"


def _ip_batch(commands: Iterable[str]) -> None:
    _run(["ip", "-batch", "-"], "\n".join(commands) + "\n")


def _run(command: list[str], given: str = "") -> None:
    completed = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    if completed.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: {completed.stderr.strip()}")
