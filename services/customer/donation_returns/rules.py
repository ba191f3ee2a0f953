"""The lifecycle of the return of a donation (stories rd-r-re-01 to rd-r-po-04)."""

from __future__ import annotations

from libs.chassis.state_machine import StateMachine

ID_PREFIX = "rdo"
LIFECYCLE = StateMachine(
    name="return of a donation",
    initial="created",
    transitions={
        "cancel": {"created": "cancelled"},
        "pay": {"created": "paid"},
        "pack": {"paid": "packing"},
        "ship": {"packing": "shipping"},
        "put_in_box": {"shipping": "in_box"},
        "take_out": {"in_box": "returned"},
    },
)
