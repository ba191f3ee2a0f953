"""The four state machines of customer: what the business allows, and nothing else."""

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
from tests.support.order_lifecycle import Step, states_of

LIFECYCLES = {
    "bor": (buying_orders.LIFECYCLE, order_lifecycle.BUYING_ORDER),
    "rbo": (buying_returns.LIFECYCLE, order_lifecycle.BUYING_RETURN),
    "dor": (donating_orders.LIFECYCLE, order_lifecycle.DONATION),
    "rdo": (donation_returns.LIFECYCLE, order_lifecycle.DONATION_RETURN),
}
each_machine = pytest.mark.parametrize(("machine", "legal"), LIFECYCLES.values(), ids=LIFECYCLES)


@each_machine
def test_the_table_is_the_lifecycle_of_the_business(machine: StateMachine, legal: set[Step]) -> None:
    assert machine.steps == legal


@each_machine
def test_every_other_move_is_refused_and_names_the_state(machine: StateMachine, legal: set[Step]) -> None:
    for state, move in itertools.product(states_of(legal), machine.transitions):
        if state not in machine.transitions[move]:
            with pytest.raises(IllegalTransition, match=f"is {state.replace('_', ' ')}, which does not allow"):
                machine.apply(state, move)


@pytest.mark.parametrize(
    ("kind", "final"),
    [
        ("bor", ("completed", "expired", "cancelled")),
        ("rbo", ("completed",)),
        ("dor", ("recycled", "returned")),
        ("rdo", ("cancelled", "returned")),
    ],
)
def test_no_event_moves_an_order_in_a_final_state(kind: str, final: tuple[str, ...]) -> None:
    machine, _ = LIFECYCLES[kind]
    for state, move in itertools.product(final, machine.transitions):
        assert machine.classify(state, move) == EventTiming.STALE


@pytest.mark.parametrize(
    ("kind", "state", "move", "expected"),
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
def test_events_apply_wait_or_are_stale(kind: str, state: str, move: str, expected: EventTiming) -> None:
    assert LIFECYCLES[kind][0].classify(state, move) == expected


def test_doors_and_work_cause_transitions_of_the_lifecycles() -> None:
    by_work = {transition for caused in buying_order_events.WORK_TRANSITIONS.values() for transition in caused}
    assert {*buying_order_events.DOOR_TRANSITIONS.values(), *by_work} <= buying_orders.LIFECYCLE.transitions.keys()
    assert {*donating_order_events.DOOR_TRANSITIONS.values()} <= donating_orders.LIFECYCLE.transitions.keys()
    assert {
        *donation_return_events.DOOR_TRANSITIONS.values(),
        *donation_return_events.WORK_TRANSITIONS.values(),
    } <= donation_returns.LIFECYCLE.transitions.keys()


def test_a_buyer_cancels_until_the_order_is_shipped() -> None:
    moves = buying_orders.LIFECYCLE.transitions
    assert set(moves["cancel"]) == {"placed", "paid", "packing", "packed"}
    assert set(moves["force_cancel"]) == {"paid", "packing", "packed", "shipping", "in_box"}


def test_only_what_may_be_in_a_van_is_missing_from_the_warehouse() -> None:
    assert {"packed", "shipping", "in_box"} == buying_orders.POSSIBLY_SHIPPED
