"""Draws docs/network.svg from the templates: `python -m infra.picture`.

Everything in it is read from the templates of prod: ranges, tiers, ports of the groups, routes, ways over the
Transit Gateway. Red is the way of a request, black the way out, blue what goes between networks.
"""

# ruff: noqa: T201 a command prints

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from textwrap import wrap

from infra.environment import OUT
from infra.reachability.network import Network, Subnet
from infra.reachability.resources import load

PICTURE = Path(__file__).parents[1] / "docs" / "network.svg"
ENVIRONMENT = "prod"
WIDTH, MARGIN, GAP = 1230, 20, 25
LINE = 52
BOX_WIDTH, TIER_HEIGHT, TIER_STEP, HEAD = 380, 46, 74, 46
BOX_HEIGHT = HEAD + 4 * TIER_STEP + 62
BAND = 36
TIERS = ("public", "compute", "data")
HOLDS = {"public": "load balancer, NAT", "compute": "nodes, functions, endpoints", "data": "databases, caches"}
STYLE = """
text { font: 12px sans-serif; fill: #1c2733 } .small { font-size: 10.5px }
.title { font-size: 15px; font-weight: bold }
.vpc { fill: #f7f9fb; stroke: #5b6b7b } .band { fill: #e8eef4; stroke: #5b6b7b }
.transit { fill: #dce9f7; stroke: #2a6db0 }
.public { fill: #e6f4e6; stroke: #6f9f6f } .compute { fill: #fff4dc; stroke: #b99a4a }
.data { fill: #f3e6f4; stroke: #9a6f9f } .entry { fill: #e0f0f4; stroke: #4f8c9c }
path { fill: none; stroke-width: 2 } .request { stroke: #c62828; marker-end: url(#red) }
.out { stroke: #222; marker-end: url(#black) }
.between { stroke: #2a6db0; marker-end: url(#blue); marker-start: url(#blue) }
"""


class Picture:
    """One drawing; shapes are added in the order in which they lie on each other."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._services = sorted(network.vpcs.items(), key=lambda item: item[1][1])
        self._shapes: list[str] = []

    def draw(self) -> str:
        rows = (self._services[:3], self._services[3:])
        first = MARGIN + BAND + 40
        middle = first + BOX_HEIGHT + 40
        second = middle + BAND + 40
        bottom = second + BOX_HEIGHT + 40
        self._band(MARGIN, "The internet", "band")
        self._band(middle, f"Transit Gateway: {self._pairs()} pairs connected, by tier", "transit")
        self._band(bottom, "The internet · the company by VPN, delivery phones by client VPN", "band")
        for row, top in zip(rows, (first, second), strict=True):
            for column, (vpc, (service, range_)) in enumerate(row):
                left = MARGIN + column * (BOX_WIDTH + GAP)
                self._network_box(vpc, f"{service}  {range_}", left, top, upwards=top == first)
        height = bottom + BAND + MARGIN
        return "\n".join([*_head(height), *self._shapes, "</svg>", ""])

    def _pairs(self) -> int:
        return sum(len(self._calls(vpc)) for vpc, _ in self._services)

    def _band(self, top: int, text: str, kind: str) -> None:
        self._rectangle(MARGIN, top, WIDTH - 2 * MARGIN, BAND, kind)
        self._text(WIDTH // 2, top + 23, text, middle=True)

    def _network_box(self, vpc: str, title: str, left: int, top: int, upwards: bool) -> None:
        self._rectangle(left, top, BOX_WIDTH, BOX_HEIGHT, "vpc")
        self._text(left + 12, top + 22, title, "title")
        tiers = [tier for tier in (*TIERS, "entry") if self._subnets(vpc, tier)]
        tops = {tier: top + HEAD + number * TIER_STEP for number, tier in enumerate(tiers)}
        for tier, at in tops.items():
            self._tier(vpc, tier, left, at)
        self._request(vpc, left, tops)
        self._way_out(vpc, left, top, tops, upwards)
        calls = "Calls by the Transit Gateway: " + (", ".join(self._calls(vpc)) or "nobody")
        lines = [*wrap(calls, LINE), *wrap(self._endpoints(vpc), LINE)]
        for number, line in enumerate(lines):
            self._text(left + 50, top + BOX_HEIGHT - 10 - 14 * (len(lines) - 1 - number), line, "small")
        edge, band = (top + BOX_HEIGHT, top + BOX_HEIGHT + 40) if upwards else (top, top - 40)
        if vpc in self._network.attachments:
            self._arrow("between", (left + BOX_WIDTH // 2, edge), (left + BOX_WIDTH // 2, band))
        self._doors(vpc, left, tops, top)

    def _subnets(self, vpc: str, tier: str) -> list[Subnet]:
        found = [one for one in self._network.subnets.values() if (one.vpc, one.tier) == (vpc, tier)]
        return sorted(found, key=lambda one: one.zone)

    def _tier(self, vpc: str, tier: str, left: int, top: int) -> None:
        for number, subnet in enumerate(self._subnets(vpc, tier)):
            x = left + 60 + number * 140
            self._rectangle(x, top, 132, TIER_HEIGHT, tier)
            nat = " + NAT" if subnet.id in self._network.nats.values() else ""
            self._text(x + 6, top + 16, f"{tier} {subnet.zone[-1]}{nat}", "small")
            self._text(x + 6, top + 30, str(subnet.range), "small")
        held = HOLDS.get(tier, "door of the internal gateway")
        self._text(left + 60, top + TIER_HEIGHT + 14, held, "small")

    def _request(self, vpc: str, left: int, tops: dict[str, int]) -> None:
        """The way of a request through the three groups, with the ports that these open to each other."""
        steps = (("front", "front", "public"), ("front", "node", "compute"), ("node", "database", "data"))
        for source, target, tier in steps:
            ports = self._ports(vpc, source, target)
            if ports and tier in tops:
                at = tops[tier] + TIER_HEIGHT // 2
                self._arrow("request", (left + 10, at - 26), (left + 10, at), (left + 58, at))
                for number, port in enumerate(ports):
                    self._text(
                        left + 16, at - 6 + 18 * min(number, 1) + 12 * max(number - 1, 0), str(port), "small"
                    )

    def _ports(self, vpc: str, source: str, target: str) -> list[int]:
        groups = {role: group for group, (home, role) in self._network.group_roles.items() if home == vpc}
        rules = self._network.rules[groups[target]]
        return sorted({rule.ports[0] for rule in rules if not rule.outbound and rule.far == groups[source]})

    def _way_out(self, vpc: str, left: int, top: int, tops: dict[str, int], upwards: bool) -> None:
        """From the nodes to the NAT gateway, and from there to the internet."""
        tables = {one.route_table for one in self._subnets(vpc, "compute")}
        if not any(route.kind == "nat" for table in tables for route in self._network.routes[str(table)]):
            return
        x = left + BOX_WIDTH - 24
        compute, public = tops["compute"] + TIER_HEIGHT // 2, tops["public"] + TIER_HEIGHT // 2
        self._arrow("out", (x - 30, compute), (x, compute), (x, public + 8), (x - 30, public + 8))
        edge = top - 40 if upwards else top + BOX_HEIGHT + 40
        self._arrow("out", (x - 30, public - 8), (left + BOX_WIDTH - 8, public - 8), (left + BOX_WIDTH - 8, edge))

    def _doors(self, vpc: str, left: int, tops: dict[str, int], top: int) -> None:
        """Company and phones to the entry subnets."""
        if "entry" in tops:
            at = tops["entry"] + TIER_HEIGHT // 2
            self._arrow("request", (left + 34, top + BOX_HEIGHT + 40), (left + 34, at), (left + 58, at))

    def _calls(self, vpc: str) -> list[str]:
        """The tiers of other networks to which calls go; a way to compute subnets is for answers."""
        attachment = self._network.attachments.get(vpc)
        table = self._network.transit_tables.get(attachment.id) if attachment else None
        found = []
        for route in self._network.transit_routes.get(table or "", ()):
            for subnet in self._network.subnets.values():
                if isinstance(route.destination, str):
                    continue
                if subnet.range.subnet_of(route.destination) and subnet.tier != "compute":
                    found.append(f"{self._network.vpcs[subnet.vpc][0]} {subnet.tier}")
        return sorted(set(found))

    def _endpoints(self, vpc: str) -> str:
        found = sorted(one.service for one in self._network.interfaces if one.vpc == vpc and one.answers_to_name)
        return "Endpoints: s3, " + ", ".join(name for name in found if name != "resolver")

    def _rectangle(self, x: int, y: int, width: int, height: int, kind: str) -> None:
        self._shapes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="5"/>')

    def _text(self, x: int, y: int, text: str, kind: str = "", middle: bool = False) -> None:
        anchor = ' text-anchor="middle"' if middle else ""
        self._shapes.append(f'<text class="{kind}" x="{x}" y="{y}"{anchor}>{escape(text)}</text>')

    def _arrow(self, kind: str, *points: tuple[int, int]) -> None:
        way = " L".join(f"{x} {y}" for x, y in points)
        self._shapes.append(f'<path class="{kind}" d="M{way}"/>')


def _head(height: int) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    yield "<title>The networks of ReClothes on AWS</title>"
    yield f"<style>{STYLE}</style><defs>"
    for name, colour in (("red", "#c62828"), ("black", "#222"), ("blue", "#2a6db0")):
        yield (
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
            f'orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z" style="fill:{colour};stroke:none"/></marker>'
        )
    yield f'</defs><rect width="{WIDTH}" height="{height}" fill="#fff"/>'


def draw() -> str:
    """The picture of the templates as they are now."""
    return Picture(Network(load(OUT / ENVIRONMENT))).draw()


def main() -> int:
    try:
        text = draw()
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 2
    PICTURE.write_text(text)
    print(f"The network is drawn in {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
