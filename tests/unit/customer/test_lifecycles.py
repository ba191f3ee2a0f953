"""The four state machines of customer: what the business allows, and nothing else."""

from __future__ import annotations

import itertools

import pytest

from libs.chassis.state_machine import EventTiming, IllegalTransition, StateMachine
from services.customer import buying_orders, buying_returns, donating_orders, donation_returns, events
from tests.support import order_lifecycle
from tests.support.order_lifecycle import Step, states_of

LIFECYCLES = {
    "bor": (buying_orders.MACHINE, order_lifecycle.BUYING_ORDER),
    "rbo": (buying_returns.MACHINE, order_lifecycle.BUYING_RETURN),
    "dor": (donating_orders.MACHINE, order_lifecycle.DONATION),
    "rdo": (donation_returns.MACHINE, order_lifecycle.DONATION_RETURN),
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


def test_events_of_doors_and_work_make_moves_that_exist() -> None:
    by_door = [(kind, move) for (_, kind), move in events.MOVES_OF_DOORS.items()]
    by_work = [(kind, move) for (_, kind, _), moves in events.MOVES_OF_WORK.items() for move in moves]
    for kind, move in by_door + by_work:
        assert move in LIFECYCLES[kind][0].transitions


def test_a_buyer_cancels_until_the_order_is_shipped() -> None:
    moves = buying_orders.MACHINE.transitions
    assert set(moves["cancel"]) == {"placed", "paid", "packing", "packed"}
    assert set(moves["give_up"]) == {"paid", "packing", "packed", "shipping", "in_box"}


def test_only_what_may_be_in_a_van_is_missing_from_the_warehouse() -> None:
    assert {"packed", "shipping", "in_box"} == buying_orders.OUT_OF_WAREHOUSE
