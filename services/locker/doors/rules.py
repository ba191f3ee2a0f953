"""The lifecycle and the purposes of door rights, and when a code is valid."""

from __future__ import annotations

from datetime import datetime

from libs.chassis.door_codes import step_at
from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine(
    name="door right",
    initial="open",
    transitions={
        # A right that was voided while its door was open is used if its purpose was fulfilled.
        "use": {"open": "used", "void": "used"},
        "void": {"open": "void"},
    },
)

# Whether the box is occupied once the purpose is fulfilled.
IS_OCCUPIED_AFTER = {"deposit": True, "ship": True, "withdraw": False, "collect": False, "pick_up": False}
OFFLINE_PURPOSES = ("collect", "ship")

PREVIOUS_STEPS_ALLOWED = 1  # the code was on the screen when the person scanned it
NEXT_STEPS_ALLOWED = 1  # the clock of the controller is ahead


def was_open_at(state: str, ended_at: datetime | None, at: datetime) -> bool:
    """Whether a right was open at a time of the past: it may have been voided since."""
    return state == "open" or (state == "void" and ended_at is not None and at < ended_at)


def is_expired(valid_until: datetime | None, now: datetime) -> bool:
    """Whether the hold that a right belongs to has ended."""
    return valid_until is not None and valid_until <= now


def is_code_current(step: int, now: datetime) -> bool:
    """Whether the code of a time step may be on the screen of a location now."""
    return step_at(now) - PREVIOUS_STEPS_ALLOWED <= step <= step_at(now) + NEXT_STEPS_ALLOWED
