"""The four lifecycles of customer allow what the business defines, and nothing else."""

from __future__ import annotations

import itertools

import pytest

from libs.chassis.state_machine import EventTiming, IllegalTransition, StateMachine
from services.customer.buying_orders import events as buying_order_events
from services.customer.buying_orders import rules as buying_orders
from services.customer.buying_returns import rules as buying_returns
from services.customer.donating_orders import events as donating_order_events
from services.customer.donating_orders import rules as donating_orders
from services.customer.donation_returns import events as donation_return_events
from services.customer.donation_returns import rules as donation_returns
from tests.support import order_lifecycle
from tests.support.order_lifecycle import Step, list_states

LIFECYCLES = {
    "bor": (buying_orders.LIFECYCLE, order_lifecycle.BUYING_ORDER),
    "rbo": (buying_returns.LIFECYCLE, order_lifecycle.BUYING_RETURN),
    "dor": (donating_orders.LIFECYCLE, order_lifecycle.DONATING_ORDER),
    "rdo": (donation_returns.LIFECYCLE, order_lifecycle.DONATION_RETURN),
}
each_lifecycle = pytest.mark.parametrize(("lifecycle", "expected_steps"), LIFECYCLES.values(), ids=LIFECYCLES)


@each_lifecycle
def test_the_lifecycle_has_the_transitions_of_the_business(
    lifecycle: StateMachine, expected_steps: set[Step]
) -> None:
    assert lifecycle.steps == expected_steps


@each_lifecycle
def test_every_other_transition_is_refused_with_the_present_state(
    lifecycle: StateMachine, expected_steps: set[Step]
) -> None:
    for state, transition in itertools.product(list_states(expected_steps), lifecycle.transitions):
        if state not in lifecycle.transitions[transition]:
            with pytest.raises(IllegalTransition, match=f"is {state.replace('_', ' ')}, which does not allow"):
                lifecycle.apply(state, transition)


@pytest.mark.parametrize(
    ("kind", "final"),
    [
        ("bor", ("completed", "expired", "cancelled")),
        ("rbo", ("completed",)),
        ("dor", ("recycled", "returned")),
        ("rdo", ("cancelled", "returned")),
    ],
)
def test_every_event_is_stale_in_a_final_state(kind: str, final: tuple[str, ...]) -> None:
    lifecycle, _ = LIFECYCLES[kind]
    for state, transition in itertools.product(final, lifecycle.transitions):
        assert lifecycle.classify(state, transition) == EventTiming.STALE


@pytest.mark.parametrize(
    ("kind", "state", "transition", "expected"),
    [
        ("bor", "placed", "pay", EventTiming.DUE),
        ("bor", "placed", "pick_up", EventTiming.EARLY),
        ("bor", "paid", "pay", EventTiming.STALE),
        ("bor", "shipping", "cancel", EventTiming.STALE),
        ("rbo", "cancelled", "put_in_box", EventTiming.DUE),
        ("rbo", "created", "check_bad", EventTiming.EARLY),
        ("dor", "draft", "collect", EventTiming.EARLY),
        ("dor", "sold", "list", EventTiming.STALE),  # undoing a sale leads back and does not make the event early
        ("rdo", "paid", "take_out", EventTiming.EARLY),
    ],
)
def test_events_are_due_early_or_stale(kind: str, state: str, transition: str, expected: EventTiming) -> None:
    assert LIFECYCLES[kind][0].classify(state, transition) == expected


def test_doors_and_work_cause_transitions_of_the_lifecycles() -> None:
    by_work = {transition for caused in buying_order_events.WORK_TRANSITIONS.values() for transition in caused}
    assert {*buying_order_events.DOOR_TRANSITIONS.values(), *by_work} <= buying_orders.LIFECYCLE.transitions.keys()
    assert {*donating_order_events.DOOR_TRANSITIONS.values()} <= donating_orders.LIFECYCLE.transitions.keys()
    assert {
        *donation_return_events.DOOR_TRANSITIONS.values(),
        *donation_return_events.WORK_TRANSITIONS.values(),
    } <= donation_returns.LIFECYCLE.transitions.keys()


def test_a_buyer_cancels_until_the_order_is_shipped() -> None:
    transitions = buying_orders.LIFECYCLE.transitions
    assert set(transitions["cancel"]) == {"placed", "paid", "packing", "packed"}
    assert set(transitions["force_cancel"]) == {"paid", "packing", "packed", "shipping", "in_box"}


def test_orders_that_may_be_in_a_van_count_as_possibly_shipped() -> None:
    assert {"packed", "shipping", "in_box"} == buying_orders.POSSIBLY_SHIPPED
