"""Returns of donations to their donors (stories rd-r-re-01 to rd-r-po-04)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.problems import NotFound
from libs.chassis.state_machine import EventTiming, StateMachine
from services.customer import donating_orders
from services.customer.models import DonatingOrder, ReturnDonatingOrder, ReturnTimelineEntry
from services.customer.registry import registry

MACHINE = StateMachine(
    name="donation return",
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


def create(return_id: str, order: DonatingOrder, location_id: str, location_name: str) -> ReturnDonatingOrder:
    """The order turns back; IllegalTransition. The same `return_id` again is the return that is there."""
    known = find(return_id)
    if known is not None:
        return known
    before = order.state
    donating_orders.move(order, "begin_return")
    order.state_before_return = before
    moment = clock.now()
    made = ReturnDonatingOrder(
        id=return_id,
        order_id=order.id,
        donor_id=order.donor_id,
        state="created",
        location_id=location_id,
        location_name=location_name,
        created_at=moment,
        timeline=[ReturnTimelineEntry(state="created", at=moment)],
    )
    session().add(made)
    session().flush()
    announce(made, None)
    return made


def cancel(made: ReturnDonatingOrder, order: DonatingOrder) -> None:
    """Give a return up while its fee is not paid: the donation goes on where it was. IllegalTransition.

    Repeated it changes nothing.
    """
    if made.state == "cancelled":
        return
    move(made, "cancel")
    if order.state_before_return is not None:
        donating_orders.become(order, order.state_before_return)
    order.state_before_return = None
    if order.state == "collected" and order.check_result is not None:
        donating_orders.move(order, f"check_{order.check_result}")


def move(made: ReturnDonatingOrder, name: str) -> None:
    """Make a move and tell of it; IllegalTransition."""
    before = made.state
    made.state = MACHINE.apply(before, name)
    made.timeline.append(ReturnTimelineEntry(state=made.state, at=clock.now()))
    session().flush()
    announce(made, before)


def happened(return_id: str, name: str) -> None:
    """Something has happened to the return elsewhere; LookupError when it must wait for something before it."""
    made = find(return_id, locked=True)
    fact = EventTiming.EARLY if made is None else MACHINE.classify(made.state, name)
    if fact == EventTiming.EARLY or made is None:
        raise LookupError(f"return {return_id} cannot {name} yet")
    if fact == EventTiming.STALE:
        return
    move(made, name)
    if name == "take_out":
        donating_orders.happened(made.order_id, "finish_return")


def find(return_id: str, *, locked: bool = False) -> ReturnDonatingOrder | None:
    statement = (
        select(ReturnDonatingOrder)
        .where(ReturnDonatingOrder.id == return_id)
        .options(selectinload(ReturnDonatingOrder.timeline))
    )
    if not locked:
        return session().scalar(statement)
    return locked_scalar(statement)


def get_own(return_id: str, donor_id: str, *, locked: bool = False) -> ReturnDonatingOrder:
    """An own return; NotFound for somebody else's too (domain rule 5)."""
    made = find(return_id, locked=locked)
    if made is None or made.donor_id != donor_id:
        raise NotFound
    return made


def announce(made: ReturnDonatingOrder, before: str | None) -> None:
    """Publish the present state of a return, into which it came from `before`."""
    data = {
        "return_id": made.id,
        "order_id": made.order_id,
        "donor_id": made.donor_id,
        "state": made.state,
        "previous_state": before,
        "location_id": made.location_id,
        "location_name": made.location_name,
        "at": clock.rfc3339(made.timeline[-1].at),
    }
    registry.publish(
        "customer.return_donating_order.state_changed.v1", subject=made.id, data=data, version=made.version
    )
