"""The lifecycle of a coupon."""

from __future__ import annotations

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine.from_states(
    name="coupon",
    initial="issued",
    successors={"issued": ["used", "expired", "void"]},
)
