"""What a state of ours means beside the provider's, and which of its payments are old enough to be compared."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto

LONGEST_WINDOW = timedelta(hours=6)
# What is younger may still be under way.
OLD_ENOUGH = timedelta(minutes=5)

AT_WORK = frozenset({"capturing", "voiding"})
TAKEN = frozenset({"captured", "refunding", "refunded"})
HOLDS_MONEY = frozenset({"requires_capture", "succeeded", "processing"})
AGREES: dict[str, frozenset[str]] = {
    "created": frozenset(
        {"requires_confirmation", "requires_action", "requires_capture", "requires_payment_method", "processing"}
    ),
    "requires_action": frozenset({"requires_action", "processing"}),
    "authorized": frozenset({"requires_capture"}),
    "capturing": frozenset(),
    "voiding": frozenset(),
    "voided": frozenset({"canceled"}),
    "failed": frozenset({"canceled"}),
} | {state: frozenset({"succeeded"}) for state in TAKEN}


class Outcome(Enum):
    """What the comparison of a refund says: the provider knows more, both agree, or they contradict each other."""

    HAS_NEWS = auto()
    AGREES = auto()
    DIFFERS = auto()


def end_of_window(since: datetime, now: datetime) -> datetime:
    """A whole second, as the provider counts; never before `since`."""
    until = min(since + LONGEST_WINDOW, now - OLD_ENOUGH)
    return max(until.replace(microsecond=0), since)


def compared_refund(ours: str, status: str) -> Outcome:
    """Our state of a refund beside the provider's status of it."""
    theirs = {"succeeded": "made", "failed": "failed", "canceled": "failed"}.get(status, "pending")
    if ours == "pending" or (ours, theirs) == ("made", "failed"):
        return Outcome.HAS_NEWS
    return Outcome.AGREES if ours == theirs else Outcome.DIFFERS
