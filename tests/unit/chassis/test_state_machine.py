"""A state machine applies what its table allows, and knows what is still to come."""

from __future__ import annotations

import pytest

from libs.chassis.state_machine import EventTiming, IllegalTransition, StateMachine

ORDER = StateMachine(
    name="order",
    initial="placed",
    transitions={
        "pay": {"placed": "paid"},
        "ship": {"paid": "shipped"},
        "cancel": {"placed": "cancelled", "paid": "cancelled"},
        "refund": {"shipped": "paid"},
    },
    reverting=frozenset({"refund"}),
)
FEE = StateMachine.from_states("fee", "due", {"due": {"paid", "void"}, "paid": {"refunded"}})


def test_a_transition_leads_to_the_state_of_the_table() -> None:
    assert ORDER.apply("placed", "pay") == "paid"
    assert FEE.apply("due", "void") == "void"


@pytest.mark.parametrize(("machine", "state", "transition"), [(ORDER, "shipped", "pay"), (FEE, "paid", "void")])
def test_every_other_transition_is_refused(machine: StateMachine, state: str, transition: str) -> None:
    assert not machine.allows(state, transition)
    with pytest.raises(IllegalTransition, match=f"is {state}, which does not allow: {transition}"):
        machine.apply(state, transition)


@pytest.mark.parametrize(
    ("state", "transition", "timing"),
    [
        ("placed", "pay", EventTiming.DUE),
        ("placed", "ship", EventTiming.EARLY),
        ("paid", "pay", EventTiming.STALE),
        ("cancelled", "ship", EventTiming.STALE),
        ("shipped", "ship", EventTiming.STALE),  # a refund reverts: shipping again is not to come
    ],
)
def test_an_event_is_due_early_or_stale(state: str, transition: str, timing: EventTiming) -> None:
    assert ORDER.classify(state, transition) is timing


def test_states_that_nothing_leaves_are_final() -> None:
    assert ORDER.final_states == {"cancelled"}
    assert FEE.final_states == {"void", "refunded"}


def test_the_diagram_has_every_step() -> None:
    lines = FEE.to_mermaid().splitlines()
    assert {"    [*] --> due", "    due --> paid", "    due --> void", "    paid --> refunded"} <= set(lines)
    assert "    placed --> cancelled : cancel" in ORDER.to_mermaid().splitlines()
