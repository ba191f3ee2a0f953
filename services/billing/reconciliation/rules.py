"""The lifecycle of a payment discrepancy, and the comparison of our states with the provider's."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine.from_states(
    name="payment discrepancy",
    initial="open",
    successors={
        "open": ["resolved", "closed"],
        "closed": ["open", "resolved"],
        "resolved": ["open"],
    },
)

MAX_WINDOW = timedelta(hours=6)
MIN_AGE = timedelta(minutes=5)  # a younger payment may still be in progress

# The provider states in which an intent holds money of a buyer.
HOLDS_MONEY = frozenset({"requires_capture", "succeeded", "processing"})
# By our state of a payment: the provider states that agree with it. None agrees with a state in progress.
AGREEING_STATES: dict[str, frozenset[str]] = {
    "created": frozenset(
        {"requires_confirmation", "requires_action", "requires_capture", "requires_payment_method", "processing"}
    ),
    "requires_action": frozenset({"requires_action", "processing"}),
    "authorized": frozenset({"requires_capture"}),
    "capturing": frozenset(),
    "voiding": frozenset(),
    "voided": frozenset({"canceled"}),
    "failed": frozenset({"canceled"}),
    "captured": frozenset({"succeeded"}),
    "refunding": frozenset({"succeeded"}),
    "refunded": frozenset({"succeeded"}),
}


class Comparison(Enum):
    """The result of comparing a refund: both agree, the provider is ahead of us, or they contradict each other."""

    AGREES = auto()
    PROVIDER_IS_AHEAD = auto()
    DIFFERS = auto()


def calculate_window_end(since: datetime, now: datetime) -> datetime:
    """The end of the window that begins at `since`, in whole seconds as at the provider; never before `since`."""
    until = min(since + MAX_WINDOW, now - MIN_AGE)
    return max(until.replace(microsecond=0), since)


def compare_refund_states(ours: str, provider_state: str) -> Comparison:
    theirs = {"succeeded": "completed", "failed": "failed", "canceled": "failed"}.get(provider_state, "pending")
    if ours == "pending" or (ours, theirs) == ("completed", "failed"):
        return Comparison.PROVIDER_IS_AHEAD
    return Comparison.AGREES if ours == theirs else Comparison.DIFFERS
