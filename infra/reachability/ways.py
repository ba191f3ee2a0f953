"""The path of a packet from one place to another: the route tables and access lists on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.reachability.filters import Filters
from infra.reachability.network import Network, Route
from infra.reachability.places import Place


@dataclass(frozen=True)
class Check:
    """An access list that a packet crosses, and the far end that the list sees."""

    access_list: str
    outbound: bool
    far: Place


@dataclass
class Leg:
    """One direction of a path; `lookups` are the tables and the addresses looked up in them."""

    kind: str = "local"
    checks: list[Check] = field(default_factory=list)
    lookups: list[tuple[str, Place]] = field(default_factory=list)
    names_groups: bool = True
    nat: str | None = None


class Ways:
    """All ways in one network."""

    def __init__(self, network: Network, places: Mapping[str, Place], filters: Filters) -> None:
        self._network = network
        self._places = places
        self._filters = filters
        tables = {**network.routes, **network.transit_routes}
        self._tables = {name: (filters.number(tuple(routes)), tuple(routes)) for name, routes in tables.items()}
        self._transit_subnets = {
            (attachment.vpc, network.subnets[subnet].zone): subnet
            for attachment in network.attachments.values()
            for subnet in attachment.subnets
        }
        self._networks_of_attachments = {found.id: vpc for vpc, found in network.attachments.items()}

    def lookup(self, table: str | None, place: Place) -> Route | None:
        """The most specific route of a table (of a network, of the Transit Gateway) to a place."""
        if table not in self._tables:
            return None
        number, routes = self._tables[table]
        return self._filters.of_table(number, table, routes, place)

    def leg(self, source: Place, target: Place) -> Leg | None:
        """How a packet gets from source to target; None when it does not."""
        if source.subnet is None:
            return self._from_outside(source, target)
        if source.vpc == target.vpc:
            leg = Leg()
            self._cross(leg, source.subnet, target.subnet, source, target)
            return leg
        table = self._network.subnets[source.subnet].route_table
        route = self.lookup(table, target)
        if route is None or table is None:
            return None
        leg = Leg(route.kind, lookups=[(table, target)])
        follow = {
            "internet": self._by_internet_gateway,
            "nat": self._by_nat,
            "transit": self._by_transit,
            "endpoint": self._by_endpoint,
            "vpn": self._by_vpn,
        }[route.kind]
        return leg if follow(leg, route, source, target) else None

    def reply(self, call: Leg, source: Place, target: Place) -> Leg | None:
        """The path of the response to a call; it has to be of the same kind, or firewalls would see half of it."""
        if call.kind == "nat":
            return self._reply_by_nat(call, source, target)
        if call.kind == "endpoint":
            leg = Leg("endpoint")
            self._cross(leg, None, source.subnet, target, source)
            return leg
        back = self.leg(target, source)
        return back if back and back.kind == call.kind else None

    def _cross(self, leg: Leg, left: str | None, right: str | None, source: Place, target: Place) -> None:
        """Out of one subnet and into another one; None is the outside, and within a subnet no list applies."""
        if left == right:
            return
        for subnet, outbound, far in ((left, True, target), (right, False, source)):
            access_list = self._network.subnets[subnet].access_list if subnet else None
            if access_list:
                leg.checks.append(Check(access_list, outbound, far))

    def _from_outside(self, source: Place, target: Place) -> Leg | None:
        """As if everything in a network with such a gateway had an address that the outside can call."""
        kind = {"internet": "internet", "company": "vpn"}.get(source.name)
        gateways = self._network.gateways.items()
        if kind is None or target.subnet is None:
            return None
        if not any(
            vpc == target.vpc and (gateway in self._network.vpn_gateways) == (kind == "vpn")
            for gateway, vpc in gateways
        ):
            return None
        leg = Leg(kind)
        self._cross(leg, None, target.subnet, source, target)
        return leg

    def _by_internet_gateway(self, leg: Leg, route: Route, source: Place, target: Place) -> bool:
        self._cross(leg, source.subnet, None, source, target)
        return target.name in ("internet", "s3") and self._network.gateways.get(route.hop) == source.vpc

    def _by_nat(self, leg: Leg, route: Route, source: Place, target: Place) -> bool:
        home = self._network.nats.get(route.hop)
        if home is None or self._network.subnets[home].vpc != source.vpc:
            return False
        leg.nat = home
        self._cross(leg, source.subnet, home, source, target)
        onward = self.leg(self._places[home], target)
        if onward is None or onward.kind != "internet":
            return False
        leg.checks += onward.checks
        leg.lookups += onward.lookups
        return True

    def _reply_by_nat(self, call: Leg, source: Place, target: Place) -> Leg | None:
        leg = Leg("nat", nat=call.nat)
        self._cross(leg, None, call.nat, target, self._places[str(call.nat)])
        self._cross(leg, call.nat, source.subnet, target, source)
        return leg

    def _by_endpoint(self, leg: Leg, route: Route, source: Place, target: Place) -> bool:
        self._cross(leg, source.subnet, None, source, target)
        return target.name == "s3"

    def _by_vpn(self, leg: Leg, route: Route, source: Place, target: Place) -> bool:
        self._cross(leg, source.subnet, None, source, target)
        behind = self._network.vpn_routes.get(route.hop, ())
        reached = any(target.range.subnet_of(one) for one in behind)
        return reached and self._network.gateways.get(route.hop) == source.vpc

    def _by_transit(self, leg: Leg, route: Route, source: Place, target: Place) -> bool:
        """Into the Transit Gateway by the zone's own subnet, and out of it in the same zone."""
        here, there = (self._network.attachments.get(vpc or "") for vpc in (source.vpc, target.vpc))
        if here is None or there is None or source.subnet is None:
            return False
        zone = self._network.subnets[source.subnet].zone
        entrance, exit_ = (self._transit_subnets.get((one.vpc, zone)) for one in (here, there))
        table = self._network.transit_tables.get(here.id)
        onward = self.lookup(table, target)
        if not (entrance and exit_ and table and onward) or onward.hop != there.id:
            return False
        leg.lookups.append((table, target))
        leg.names_groups = here.names_groups and there.names_groups
        self._cross(leg, source.subnet, entrance, source, target)
        self._cross(leg, exit_, target.subnet, source, target)
        return True
