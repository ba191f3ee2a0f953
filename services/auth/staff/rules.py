"""The lifecycle of an internal user."""

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine(
    name="internal user",
    initial="invited",
    transitions={"activate": {"invited": "active"}, "remove": {"invited": "removed", "active": "removed"}},
)
