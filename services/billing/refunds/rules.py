"""The lifecycle of a refund, and how many coins a part of a payment returns."""

from __future__ import annotations

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine.from_states(
    name="refund",
    initial="pending",
    successors={
        "pending": ["completed", "failed"],
        "completed": ["failed"],  # the buyer's bank sent the money back
    },
)


def calculate_coins_to_refund(coins: int, amount: int, refunded: int, part: int) -> int:
    """The coins to give back with `part` of an `amount` that was paid with `coins`, after `refunded` of it.

    Rounded down; together the refunds of the whole amount give back all coins.
    """
    return coins * (refunded + part) // amount - coins * refunded // amount
