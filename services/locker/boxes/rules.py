"""The lifecycle of a box."""

from __future__ import annotations

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine(
    name="box",
    initial="free",
    transitions={
        "hold": {"free": "held"},
        # A controller may report clothes in a box that was not held for them.
        "fill": {"held": "occupied", "free": "occupied", "out_of_service": "occupied"},
        "free": {"held": "free", "occupied": "free"},
        "take_out_of_service": {"free": "out_of_service"},
        "return_to_service": {"out_of_service": "free"},
        # The box has clothes that cannot be assigned to its hold; staff has to look at it.
        "block": {"free": "out_of_service", "held": "out_of_service", "out_of_service": "out_of_service"},
    },
)
