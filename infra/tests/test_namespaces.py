"""The same table, proven by packets: the network of the templates built from Linux network namespaces.

Every actor tries the probed ports of every other one, each with real connections and datagrams. It needs root,
iproute2 and nftables; as root on Debian they are installed (tools/local_platform/real_servers.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.prove import expectation_of, proof_of
from infra.reachability import prober
from infra.reachability.design import Flow
from infra.reachability.namespaces import Topology
from infra.reachability.places import Actor
from tools.local_platform import real_servers

ENVIRONMENT = "prod"
# Every port of the design, the bounds of its ranges, and some that nobody should ever open.
TCP = [22, 53, 80, 443, 1023, 1024, 3306, 5432, 6379, 8080, 8443, 10250, 27017, 32768, 60999, 61000, 65535]
UDP = [53, 161, 1024, 8472]
SECONDS = 2.0
Reached = set[tuple[str, str, int, str]]


class Probers:
    """A prober in the namespace of each actor."""

    def __init__(self, topology: Topology, actors: list[Actor]) -> None:
        self._topology = topology
        self._names = {address: name for name, address in topology.addresses.items()}
        self._running = {actor.name: self._start(actor) for actor in actors}
        for running in self._running.values():
            assert running.stdout is not None
            assert running.stdout.readline().strip() == "ready"

    def _start(self, actor: Actor) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", self._topology.space_of(actor), sys.executable, prober.__file__]
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert running.stdin is not None
        running.stdin.write(json.dumps({"tcp": TCP, "udp": UDP}) + "\n")
        running.stdin.flush()
        return running

    def try_all(self) -> Reached:
        """What each reaches of all others: (source, protocol, port, target)."""
        with ThreadPoolExecutor(len(self._running)) as pool:
            found = pool.map(self._try_from, self._running)
        return {one for of_source in found for one in of_source}

    def _try_from(self, source: str) -> Reached:
        others = [address for name, address in self._topology.addresses.items() if name != source]
        targets = [("tcp", address, port) for address in others for port in TCP]
        targets += [("udp", address, port) for address in others for port in UDP]
        running = self._running[source]
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(json.dumps({"targets": targets, "seconds": SECONDS}) + "\n")
        running.stdin.flush()
        reply = json.loads(running.stdout.readline())
        return {(source, protocol, port, self._names[address]) for protocol, address, port in reply}

    def stop(self) -> None:
        for running in self._running.values():
            running.terminate()
        for running in self._running.values():
            running.wait(10)


@pytest.fixture(scope="module")
def topology() -> Iterator[Topology]:
    missing = real_servers.main({"nft": "nftables", "ip": "iproute2"})
    if missing or os.geteuid() or not real_servers.program("nft"):
        give_up = pytest.fail if real_servers.are_required() else pytest.skip
        give_up("network namespaces need root, iproute2 and nftables")
    proof = proof_of(ENVIRONMENT)
    built = Topology(proof.network, proof.places, proof.actors, _port_ranges(), f"rc{os.getpid()}-")
    try:
        built.build()
        yield built
    finally:
        built.remove()


def _port_ranges() -> dict[str, tuple[int, int]]:
    """The narrowest range from which a role calls anybody."""
    found: dict[str, tuple[int, int]] = {}
    for flow in expectation_of(ENVIRONMENT).flows:
        found[flow.source] = max(found.get(flow.source, flow.caller_ports), flow.caller_ports)
    return found


def _designed(actors: list[Actor]) -> Reached:
    flows = expectation_of(ENVIRONMENT).flows
    return {
        (source.name, protocol, port, target.name)
        for source in actors
        for target in actors
        if source != target
        for protocol, ports in (("tcp", TCP), ("udp", UDP))
        for port in ports
        if any(_speaks_of(flow, source, target, protocol, port) for flow in flows)
    }


def _speaks_of(flow: Flow, source: Actor, target: Actor, protocol: str, port: int) -> bool:
    same = (flow.source, flow.target, flow.protocol) == (source.role, target.role, protocol)
    return same and flow.ports[0] <= port <= flow.ports[1]


def test_packets_go_where_the_design_says_and_nowhere_else(topology: Topology) -> None:
    actors = proof_of(ENVIRONMENT).actors
    designed = _designed(actors)
    probers = Probers(topology, actors)
    try:
        reached = probers.try_all()
    finally:
        probers.stop()

    assert len(actors) == 45
    assert len(designed) > 200
    assert sorted(reached - designed) == [], "packets went where nothing is designed"
    assert sorted(designed - reached) == [], "designed calls did not get through"
