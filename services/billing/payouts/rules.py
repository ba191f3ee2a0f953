"""The lifecycle of a payout, and how much of a price a donor gets."""

from __future__ import annotations

from libs.chassis.money import Money
from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine.from_states(
    name="payout",
    initial="prepared",
    successors={"prepared": ["due", "void"], "due": ["paid"]},
)


def calculate_donor_share(price: Money, percent: int) -> Money:
    """The donor's share of a price, rounded half up to a minor unit."""
    return Money((price.amount * percent + 50) // 100, price.currency)
