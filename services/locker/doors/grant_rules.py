"""The lifecycle of grants, and how long they are valid."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from libs.chassis.state_machine import StateMachine

# `opened` and `late` are the states while the door is open. A controller reports what happened, so a grant that was
# voided or used before can be opened again; the door right decides whether that counts.
LIFECYCLE = StateMachine(
    name="grant",
    initial="issued",
    transitions={
        "open": {"issued": "opened", "void": "opened", "closed": "opened"},
        "open_late": {"issued": "late", "void": "late", "closed": "late"},
        "close": {"opened": "closed", "late": "closed"},
        "void": {"issued": "void"},
    },
)

VALID_FOR = timedelta(seconds=30)


def end_of_day(day: date) -> datetime:
    """When the offline grants of a day expire: the end of the day in UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
