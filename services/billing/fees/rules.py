"""The lifecycle of a fee, and what it costs in coins."""

from __future__ import annotations

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine.from_states(
    name="fee",
    initial="due",
    successors={
        "due": ["paid", "void"],
        "paid": ["refunding"],
        "void": ["refunding"],  # its money was being captured when it became void
        "refunding": ["refunded"],
    },
)


def calculate_coin_price(amount: int, coin_value: int) -> int:
    """What an amount costs in coins of `coin_value` minor units each, rounded up to a whole coin."""
    return -(-amount // coin_value)
