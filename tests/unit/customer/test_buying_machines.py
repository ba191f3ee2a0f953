"""The tables of buying orders and their returns: what domain.md allows, and nothing else."""

from __future__ import annotations

import itertools

import pytest

from libs.chassis.state_machine import IllegalMove, StateMachine
from services.customer import buying_orders, buying_returns

ORDER = {
    *itertools.pairwise(["placed", "paid", "packing", "packed", "shipping", "in_box", "picked_up", "completed"]),
    ("placed", "expired"),
    ("placed", "cancelled"),
    ("paid", "cancelled"),
    ("packing", "cancelled"),
    ("packed", "cancelled"),
    # Given up: not found, lost, or not picked up (docs/decisions/0012).
    ("shipping", "cancelled"),
    ("in_box", "cancelled"),
}
RETURN = {
    *itertools.pairwise(["created", "in_box", "collected", "checked_good", "completed"]),
    *itertools.pairwise(["collected", "checked_bad", "refund_decided", "completed"]),
    ("created", "cancelled"),
    ("created", "expired"),
    ("cancelled", "in_box"),
    ("expired", "in_box"),
    # Lost after it was handed in.
    ("in_box", "refund_decided"),
    ("collected", "refund_decided"),
}
MACHINES = [(buying_orders.MACHINE, ORDER), (buying_returns.MACHINE, RETURN)]


def steps(machine: StateMachine) -> set[tuple[str, str]]:
    return {step for moves in machine.moves.values() for step in moves.items()}


@pytest.mark.parametrize(("machine", "legal"), MACHINES)
def test_the_table_is_the_domains(machine: StateMachine, legal: set[tuple[str, str]]) -> None:
    assert steps(machine) == legal


@pytest.mark.parametrize(("machine", "legal"), MACHINES)
def test_every_other_move_is_refused_in_words(machine: StateMachine, legal: set[tuple[str, str]]) -> None:
    states = {state for step in legal for state in step}
    for state, move in itertools.product(states, machine.moves):
        if state not in machine.moves[move]:
            with pytest.raises(IllegalMove, match="an order that is"):
                machine.after(state, move)


def test_what_is_done_is_done() -> None:
    for machine, final in (
        (buying_orders.MACHINE, ("completed", "expired", "cancelled")),
        (buying_returns.MACHINE, ("completed",)),
    ):
        for state, move in itertools.product(final, machine.moves):
            assert machine.judge(state, move) == "too late"
