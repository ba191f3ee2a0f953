"""Events of other domains that move an order or a return along its lifecycle.

They overtake each other: one that is early is delivered again later, one that is stale changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from libs.chassis.db import session
from libs.chassis.event_types import WorkOrderStateChanged, WorkOrderStateChangedOrder
from libs.chassis.events import Event, PartiallyHandled
from libs.chassis.state_machine import EventTiming, StateMachine
from services.customer.base import HasTimeline

T = TypeVar("T", bound=HasTimeline)


def accept_event(lifecycle: StateMachine, transition: str, subject_id: str, subject: T | None) -> T | None:
    """Return the subject if the transition is due, None if the event is stale.

    LookupError: the subject is not known yet, or an event that comes before this one is missing.
    """
    if subject is None:
        raise LookupError(f"{lifecycle.name} {subject_id} is not known yet")
    timing = lifecycle.classify(subject.state, transition)
    if timing is EventTiming.EARLY:
        raise LookupError(f"{lifecycle.name} {subject_id} is {subject.state}: too early to {transition}")
    return subject if timing is EventTiming.DUE else None


def apply_to_each_order(
    event: Event[WorkOrderStateChanged], id_prefix: str, apply: Callable[[WorkOrderStateChangedOrder], None]
) -> None:
    """Apply the event of a work order to each of its orders whose ids have this prefix.

    An order that the event is too early for does not block the others: PartiallyHandled at the end, so that the
    event is delivered again.
    """
    early = []
    for order in event.data["orders"]:
        if not order["order_id"].startswith(id_prefix):
            continue
        try:
            with session().begin_nested():
                apply(order)
        except LookupError as error:
            early.append(str(error))
    if early:
        raise PartiallyHandled("; ".join(early))
