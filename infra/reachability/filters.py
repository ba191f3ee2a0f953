"""How access lists, groups and route tables treat one packet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network

from infra.reachability.network import Entry, Network, Route, Rule
from infra.reachability.places import Actor, Place
from infra.reachability.ports import PortSpace


class Filters:
    """Results for one port space, cached by rule, so that many networks can share them."""

    def __init__(self, space: PortSpace) -> None:
        self.space = space
        self._numbers: dict[tuple[Entry | Rule | Route, ...], int] = {}
        self._routes: dict[tuple[int, Place], Route | None] = {}
        self._cuts: dict[tuple[IPv4Network, int], list[str]] = {}
        self._kept: dict[tuple[int, bool, object, bool], int] = {}

    def number(self, rules: tuple[Entry | Rule | Route, ...]) -> int:
        """A short name for a set of rules: equal ones have the same."""
        return self._numbers.setdefault(rules, len(self._numbers))

    def of_table(self, number: int, table: str, routes: tuple[Route, ...], place: Place) -> Route | None:
        """Which route of a table a packet to this place takes."""
        key = number, place
        if key not in self._routes:
            self._routes[key] = _most_specific(table, routes, place)
        return self._routes[key]

    def cut_by(self, range_: IPv4Network, places: Mapping[str, Place]) -> list[str]:
        """The places of which a rule's range means a part only."""
        # `places_of` keeps what it makes, so the identity of a set of places lasts.
        key = range_, id(places)
        if key not in self._cuts:
            meant = [one for one in places.values() if range_ != one.range and range_.subnet_of(one.range)]
            self._cuts[key] = [place.name for place in meant]
        return self._cuts[key]

    def of_list(self, number: int, entries: tuple[Entry, ...], outbound: bool, far: Place) -> int:
        """What a list lets through in one direction, for this far end."""
        key = number, outbound, far, False
        if key not in self._kept:
            self._kept[key] = self._through_list(entries, outbound, far)
        return self._kept[key]

    def _through_list(self, entries: tuple[Entry, ...], outbound: bool, far: Place) -> int:
        """The first entry that speaks of a port decides; what no entry speaks of is refused."""
        allowed, open_ = 0, self.space.everything
        for entry in entries:
            if entry.outbound == outbound and covers(entry.range, far.range):
                named = self.space.set_of(entry.protocol, entry.ports) & open_
                allowed |= named if entry.allows else 0
                open_ &= ~named
        return allowed

    def of_group(self, number: int, rules: tuple[Rule, ...], outbound: bool, far: Actor, names_groups: bool) -> int:
        """What a group lets through in one direction, for this far end."""
        key = number, outbound, far, names_groups
        if key not in self._kept:
            self._kept[key] = self._through_group(rules, outbound, far, names_groups)
        return self._kept[key]

    def _through_group(self, rules: tuple[Rule, ...], outbound: bool, far: Actor, names_groups: bool) -> int:
        allowed = 0
        for rule in rules:
            if isinstance(rule.far, str):
                meant = names_groups and rule.far in far.groups
            else:
                meant = covers(rule.far, far.place.range)
            if rule.outbound == outbound and meant:
                allowed |= self.space.set_of(rule.protocol, rule.ports)
        return allowed


class AmbiguousRoute(Exception):
    """A table has two routes for the same destination."""


def _most_specific(table: str, routes: tuple[Route, ...], place: Place) -> Route | None:
    found: dict[int, list[Route]] = {}
    for route in routes:
        if route.destination == place.name:
            return route
        if not isinstance(route.destination, str) and place.range.subnet_of(route.destination):
            found.setdefault(route.destination.prefixlen, []).append(route)
    if not found:
        return None
    best = found[max(found)]
    if len(best) > 1:
        raise AmbiguousRoute(f"{table} has {len(best)} routes to {best[0].destination}")
    return best[0]


@cache
def covers(range_: IPv4Network, part: IPv4Network) -> bool:
    """Whether a rule's range means a place, all of it."""
    return part.subnet_of(range_)


def all_ranges(network: Network) -> set[IPv4Network]:
    """Every range that any rule or route names."""
    found = {entry.range for entries in network.access_lists.values() for entry in entries}
    found |= {rule.far for rules in network.rules.values() for rule in rules if isinstance(rule.far, IPv4Network)}
    for tables in (network.routes, network.transit_routes):
        found |= {
            route.destination
            for of in tables.values()
            for route in of
            if isinstance(route.destination, IPv4Network)
        }
    found |= {
        one for of in (network.vpn_routes, network.client_vpn_targets) for ranges in of.values() for one in ranges
    }
    return found
