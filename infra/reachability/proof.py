"""Holds the network of the templates against the designed data flow.

Two things are proven. Together: each pair of actors can open exactly the ports that the design gives it, and
responses come back. And each layer for itself (routes, access lists, groups): it lets through what the design needs
of it and nothing more, so that a hole in one is seen though another one is still in front of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from infra.reachability import structure
from infra.reachability.design import Flow
from infra.reachability.filters import AmbiguousRoute, Filters, all_ranges
from infra.reachability.network import Network, Route
from infra.reachability.places import Actor, Place, actors_of, places_of, strangers_of
from infra.reachability.ports import PortSpace
from infra.reachability.resources import Resources
from infra.reachability.ways import Leg, Ways


@dataclass(frozen=True)
class Expectation:
    """The design, and what of it an environment settles."""

    flows: Sequence[Flow]
    company: IPv4Network
    interface_endpoints: bool
    nat_gateways: int


@dataclass(frozen=True)
class Finding:
    """Something that is not as designed: by which part of the proof it was seen, and what."""

    part: str
    text: str

    def __str__(self) -> str:
        return f"{self.part}: {self.text}"


class Proof:
    """The proof for one set of templates. `findings` is empty when they are as designed."""

    def __init__(self, resources: Resources, expected: Expectation, filters: Filters) -> None:
        self.network = Network(resources)
        self.expected = expected
        self.filters = filters
        self._space: PortSpace = filters.space
        self.places = places_of(self.network, expected.company)
        self.actors = actors_of(self.network, self.places)
        self._actors_at: dict[Place, list[Actor]] = defaultdict(list)
        for actor in self.actors:
            self._actors_at[actor.place].append(actor)
        self._ways = Ways(self.network, self.places, filters)
        self._numbers = {
            **{name: filters.number(found) for name, found in self.network.access_lists.items()},
            **{name: filters.number(found) for name, found in self.network.rules.items()},
        }
        self._by_pair: dict[tuple[str, str], list[Flow]] = defaultdict(list)
        for flow in expected.flows:
            self._by_pair[flow.source, flow.target].append(flow)
        # What the designed flows need of each list, group and table.
        self._list_needs: dict[tuple[str, bool, Place], int] = defaultdict(int)
        self._group_needs: dict[tuple[str, bool, Actor], int] = defaultdict(int)
        self._route_needs: dict[tuple[str, Place], Route | None] = {}

    def findings(self) -> Iterator[Finding]:
        """All that is not as designed."""
        try:
            yield from (Finding("structure", text) for text in self._structure())
            yield from self._designed_pairs()
            yield from self._lists_alone()
            yield from self._groups_alone()
            yield from self._routes_alone()
            yield from self._other_pairs()
        except AmbiguousRoute as found:
            yield Finding("routes", str(found))

    def _structure(self) -> Iterator[str]:
        expected = self.expected
        yield from structure.findings(self.network, expected.interface_endpoints, expected.nat_gateways)
        present = {actor.role for actor in self.actors}
        yield from (f"{role} is nowhere" for pair in self._by_pair for role in pair if role not in present)
        for range_ in all_ranges(self.network):
            if cut := self.filters.cut_by(range_, self.places):
                yield f"{range_} is only a part of {', '.join(cut)}"

    def allowed(self, source: Actor, target: Actor) -> tuple[Leg | None, int]:
        """The way of a call, and the ports on which it arrives."""
        way = self._ways.leg(source.place, target.place)
        if way is None or not self._client_vpn_lets(source, target):
            return None, 0
        ports = self._through_lists(way) & self._through_groups(source, target, way)
        return way, ports

    def _client_vpn_lets(self, source: Actor, target: Actor) -> bool:
        if source.client_vpn is None:
            return True
        ranges = self.network.client_vpn_targets[source.client_vpn]
        return any(target.place.range.subnet_of(range_) for range_ in ranges)

    def _through_lists(self, leg: Leg) -> int:
        ports = self._space.everything
        for check in leg.checks:
            ports &= self._of_list(check.access_list, check.outbound, check.far)
        return ports

    def _through_groups(self, source: Actor, target: Actor, way: Leg) -> int:
        ports = self._space.everything
        for group in source.groups:
            ports &= self._of_group(group, True, target, way.kind != "transit")
        for group in target.groups:
            ports &= self._of_group(group, False, source, way.names_groups)
        return ports

    def _of_list(self, name: str, outbound: bool, far: Place) -> int:
        return self.filters.of_list(self._numbers[name], self.network.access_lists[name], outbound, far)

    def _of_group(self, name: str, outbound: bool, far: Actor, names_groups: bool) -> int:
        return self.filters.of_group(self._numbers[name], self.network.rules[name], outbound, far, names_groups)

    def _pairs(self, designed: bool) -> Iterator[tuple[Actor, Actor, list[Flow]]]:
        for source in self.actors:
            for target in self.actors:
                flows = self._by_pair.get((source.role, target.role), [])
                if bool(flows) == designed:
                    yield source, target, flows

    def _designed_pairs(self) -> Iterator[Finding]:
        for source, target, flows in self._pairs(True):
            way, ports = self.allowed(source, target)
            wanted = 0
            for flow in flows:
                wanted |= self._space.set_of(flow.protocol, flow.ports)
            pair = f"{source.name} to {target.name}"
            if ports != wanted:
                opened, designed = self._space.describe(ports), self._space.describe(wanted)
                yield Finding("packets", f"{pair}: {opened} is open, {designed} is designed")
            if way is None:
                continue
            for flow in flows:
                yield from (
                    Finding("packets", f"{pair}: {text}") for text in self._way_back(source, target, flow, way)
                )

    def _way_back(self, source: Actor, target: Actor, flow: Flow, way: Leg) -> Iterator[str]:
        if way.kind != flow.way:
            yield f"goes by {way.kind}, not by {flow.way}"
        reply = self._ways.reply(way, source.place, target.place)
        if reply is None:
            yield "no way back"
            return
        replies = self._space.set_of(flow.protocol, flow.caller_ports)
        for leg, ports in ((way, self._space.set_of(flow.protocol, flow.ports)), (reply, replies)):
            for check in leg.checks:
                # Behind a NAT gateway the internet sees the gateway, which takes any unprivileged port.
                is_outer = leg is reply and leg.kind == "nat" and check is leg.checks[0]
                needed = self._space.set_of(flow.protocol, (1024, 65535)) if is_outer else ports
                self._list_needs[check.access_list, check.outbound, check.far] |= needed
                if needed & ~self._of_list(check.access_list, check.outbound, check.far):
                    yield f"{flow.protocol}: {check.access_list} does not let the response through"
            for table, place in leg.lookups:
                self._route_needs[table, place] = self._ways.lookup(table, place)
        for group in source.groups:
            self._group_needs[group, True, target] |= self._space.set_of(flow.protocol, flow.ports)
        for group in target.groups:
            self._group_needs[group, False, source] |= self._space.set_of(flow.protocol, flow.ports)

    def _other_pairs(self) -> Iterator[Finding]:
        for source, target, _ in self._pairs(False):
            ports = self.allowed(source, target)[1]
            if ports and source != target:
                open_ = self._space.describe(ports)
                yield Finding("packets", f"{source.name} to {target.name}: {open_} is open, nothing is designed")

    def _lists_alone(self) -> Iterator[Finding]:
        """A list cannot name the internet alone: what the internet may, all may as far as the list sees."""
        internet = self.places["internet"]
        for name in self.network.access_lists:
            for outbound in (False, True):
                for place in self.places.values():
                    needed = self._list_needs[name, outbound, place] | self._list_needs[name, outbound, internet]
                    found = self._of_list(name, outbound, place)
                    if found != needed:
                        yield self._too_much("access lists", name, outbound, place.name, found, needed)

    def _groups_alone(self) -> Iterator[Finding]:
        internet = next(actor for actor in self.actors if actor.role == "internet")
        far_ends = [*self.actors, *strangers_of(self.places)]
        for name, (home, _) in self.network.group_roles.items():
            for outbound in (False, True):
                for far in far_ends:
                    needed = self._needed_of_group(name, home, outbound, far)
                    needed |= self._group_needs[name, outbound, internet]
                    same = far.place.vpc == home
                    found = self._of_group(name, outbound, far, same or not outbound)
                    if found != needed:
                        yield self._too_much("groups", name, outbound, far.name, found, needed)

    def _needed_of_group(self, name: str, home: str, outbound: bool, far: Actor) -> int:
        """To another network an outbound rule can only name the tier: whoever is there is meant."""
        if outbound and far.place.vpc not in (None, home):
            return self._needed_at(name, outbound, far.place)
        if far.role == "stranger" and far.place.vpc is None:
            return self._needed_at(name, outbound, far.place)
        return self._group_needs[name, outbound, far]

    def _needed_at(self, name: str, outbound: bool, place: Place) -> int:
        needed = 0
        for actor in self._actors_at[place]:
            needed |= self._group_needs[name, outbound, actor]
        return needed

    def _too_much(self, part: str, name: str, outbound: bool, far: str, found: int, needed: int) -> Finding:
        direction = "out to" if outbound else "in from"
        letting, designed = self._space.describe(found), self._space.describe(needed)
        return Finding(part, f"{name} lets {letting} {direction} {far}, the design needs {designed}")

    def _routes_alone(self) -> Iterator[Finding]:
        internet = self.places["internet"]
        vpcs = {table: subnet.vpc for subnet in self.network.subnets.values() if (table := subnet.route_table)}
        for table in [*self.network.routes, *self.network.transit_routes]:
            default = self._route_needs.get((table, internet))
            for place in self.places.values():
                inside = place.vpc is not None and place.vpc == vpcs.get(table)
                found = self._ways.lookup(table, place)
                needed = None if inside else self._route_needs.get((table, place), default)
                if found != needed and not (inside and found == default):
                    yield Finding("routes", f"{table} sends {place.name} to {found}, the design needs {needed}")
        yield from self._vpns_alone()

    def _vpns_alone(self) -> Iterator[Finding]:
        company = self.places["company"]
        for gateway, ranges in self.network.vpn_routes.items():
            if set(ranges) != {company.range}:
                yield Finding("routes", f"{gateway} has {ranges} behind it, not {company.range} alone")
        doors = {actor.place.range for actor in self.actors if actor.role == "door"}
        for vpn, ranges in self.network.client_vpn_targets.items():
            reached = {
                place.range for place in self.places.values() for one in ranges if place.range.subnet_of(one)
            }
            if reached != doors:
                yield Finding("routes", f"{vpn} lets phones call {sorted(reached)}, not {sorted(doors)} alone")
