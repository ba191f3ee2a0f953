"""Runs the stateful tests of customer: random sequences of requests and events, the same in every run."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.customer.conftest import FakePeers
from tests.support.harness import running


def run_sequences(machine: Any, database_url: str, count: int) -> None:
    """Run `count` sequences of a rule-based machine against the service, which the class attributes give it."""
    with running("customer", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        peers = FakePeers()
        harness.play_peers(peers.respond)
        machine.customer, machine.peers, machine.visited = harness, peers, set()
        chosen = settings(
            max_examples=count,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=chosen)
