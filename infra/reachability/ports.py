"""Sets of ports as bits of a number.

The ports of TCP and UDP are cut into the spans between all bounds that any rule names, so a set is exact and small.
The last bit stands for every other protocol.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

PORTS = 65536
PROTOCOLS = ("tcp", "udp")
Bounds = tuple[int, int]


class PortSpace:
    """All sets of ports that can be distinguished by the bounds of these rules."""

    def __init__(self, ranges: Iterable[Bounds]) -> None:
        cuts = {0, PORTS}
        for low, high in ranges:
            # One more on each side, so that a rule that is one port too wide differs from the right one.
            cuts |= {cut for cut in (low - 1, low, high + 1, high + 2) if 0 <= cut <= PORTS}
        self._cuts = sorted(cuts)
        self._spans = len(self._cuts) - 1
        self.other = 1 << (2 * self._spans)
        self.of_protocol = {
            name: ((1 << self._spans) - 1) << (number * self._spans) for number, name in enumerate(PROTOCOLS)
        }
        self.everything = sum(self.of_protocol.values()) + self.other

    def set_of(self, protocol: str, bounds: Bounds) -> int:
        """The ports of one protocol from the first bound to the second; `all` is every protocol."""
        if protocol == "all":
            return self.everything
        if protocol not in PROTOCOLS:
            return self.other
        first, end = bisect_left(self._cuts, bounds[0]), bisect_left(self._cuts, bounds[1] + 1)
        return ((1 << (end - first)) - 1) << (first + PROTOCOLS.index(protocol) * self._spans)

    def describe(self, ports: int) -> str:
        """For people: `tcp 443, tcp 1024-65535`."""
        found = [text for number, name in enumerate(PROTOCOLS) for text in self._describe(ports, number, name)]
        if ports & self.other:
            found.append("other protocols")
        return ", ".join(found) or "nothing"

    def _describe(self, ports: int, number: int, name: str) -> list[str]:
        spans = [span for span in range(self._spans) if ports >> (span + number * self._spans) & 1]
        found: list[list[int]] = []
        for span in spans:
            low, high = self._cuts[span], self._cuts[span + 1] - 1
            if found and found[-1][1] == low - 1:
                found[-1][1] = high
            else:
                found.append([low, high])
        return [f"{name} {low}" if low == high else f"{name} {low}-{high}" for low, high in found]
