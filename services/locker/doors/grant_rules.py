"""The lifecycle of grants, and how long they are valid."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from libs.chassis.state_machine import StateMachine

# While the door is open the state is `opened`, or `late` if its right had ended before. A controller reports
# what happened, so a door may be opened again with a closed grant; whether that counts depends on the right.
LIFECYCLE = StateMachine(
    name="grant",
    initial="issued",
    transitions={
        "open": {"issued": "opened", "closed": "opened"},
        "open_late": {"issued": "late", "closed": "late"},
        "close": {"opened": "closed", "late": "closed"},
    },
)

VALID_FOR = timedelta(seconds=30)


def end_of_day(day: date) -> datetime:
    """When the offline grants of a day expire: the end of the day in UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
