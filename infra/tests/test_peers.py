"""The pairs that the network connects are those of the code, and nobody else's."""

from __future__ import annotations

import ast
from pathlib import Path

from infra.environment import SERVICES
from infra.network import data_flow
from infra.prove import DESIGN
from infra.reachability import design

ROOT = Path(__file__).parents[2]


def peers_in_code(service: str) -> set[str]:
    """The names with which a service's code calls `peer(...)`."""
    found = set()
    for file in (ROOT / "services" / service).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and _is_peer(node.func):
                [name] = node.args
                assert isinstance(name, ast.Constant), f"{file}:{node.lineno}: whose name is that?"
                found.add(name.value)
    return found


def _is_peer(function: ast.expr) -> bool:
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return name == "peer"


def test_the_services_are_those_of_the_folder() -> None:
    assert {file.parent.name for file in (ROOT / "services").glob("*/app.py")} == set(SERVICES)


def test_each_service_reaches_the_peers_that_its_code_calls() -> None:
    # Every service calls auth for keys and tokens (libs/chassis); auth has its own at hand.
    called = {name: peers_in_code(name) | ({"auth"} if name != "auth" else set()) for name in SERVICES}

    assert {name: set(peers) for name, peers in data_flow.PEERS.items()} == called
    assert any(peers_in_code(name) for name in SERVICES), "no call of a peer was found at all"


def test_the_hand_written_table_has_the_same_pairs() -> None:
    flows = design.read(DESIGN)
    written = {
        (flow.source.removesuffix(".node"), flow.target.removesuffix(".front"))
        for flow in flows
        if flow.way == "transit" and flow.target.endswith(".front")
    }

    assert written == {(name, peer) for name, peers in data_flow.PEERS.items() for peer in peers}
