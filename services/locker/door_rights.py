"""Who may open which box, for which order and what for (domain rule 3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from services.locker.models import Box, DoorRight, Grant, WorkHeardOf

# Whether the box is full after what the door was opened for.
PURPOSES = {"deposit": True, "ship": True, "withdraw": False, "collect": False, "pick_up": False}
AHEAD = ("collect", "ship")


def give(purpose: str, order_id: str, person_id: str, box: Box, valid_until: datetime | None = None) -> DoorRight:
    """A right for this person alone: one of the same order and purpose that somebody else has is void."""
    for other in _open_of(order_id):
        if (other.purpose, other.person_id, other.box_id) == (purpose, person_id, box.id):
            other.valid_until = valid_until
            return other
        if other.purpose == purpose:
            end(other, "void")
    right = DoorRight(
        id=new_id("rgt"),
        purpose=purpose,
        state="open",
        order_id=order_id,
        person_id=person_id,
        location_id=box.location_id,
        box_id=box.id,
        valid_until=valid_until,
        created_at=clock.now(),
    )
    session().add(right)
    session().flush()
    return right


def end(right: DoorRight, state: str) -> None:
    """`used` or `void`: its grants open nothing any more."""
    right.state, right.ended_at = state, clock.now()
    issued = update(Grant).where(Grant.right_id == right.id, Grant.state == "issued")
    session().execute(issued.values(state="void"))


def void_of_order(order_id: str, *purposes: str) -> list[DoorRight]:
    """End the open rights of an order: those of the purposes, or all of them; those that it ended."""
    ended = [right for right in _open_of(order_id) if not purposes or right.purpose in purposes]
    for right in ended:
        end(right, "void")
    return ended


def void_what_is_done(order_id: str, is_occupied: bool) -> None:
    """The package is in its box, or out of it: nobody else has to open the door for the same."""
    void_of_order(order_id, *(purpose for purpose, fills in PURPOSES.items() if fills == is_occupied))


def lock(right_id: str) -> DoorRight:
    """The right as it is now, for this unit of work alone."""
    return session().get_one(DoorRight, right_id, with_for_update=True, populate_existing=True)


def was_open(right: DoorRight, at: datetime) -> bool:
    """Whether the right was there at that time, as far as we know: its end may have been told to us later."""
    return right.state == "open" or (right.state == "void" and right.ended_at is not None and at < right.ended_at)


def is_news(order_id: str, purpose: str, version: int) -> bool:
    """Whether an event of the work on an order is the newest so far; one that was overtaken changes nothing."""
    known = session().get(WorkHeardOf, (order_id, purpose), with_for_update=True)
    if known is None:
        session().add(WorkHeardOf(order_id=order_id, purpose=purpose, version=version))
    elif version > known.version:
        known.version = version
    else:
        return False
    session().flush()
    return True


def is_open(order_id: str, purpose: str) -> bool:
    return any(right.purpose == purpose for right in _open_of(order_id))


def _open_of(order_id: str) -> list[DoorRight]:
    found = select(DoorRight).where(DoorRight.order_id == order_id, DoorRight.state == "open").with_for_update()
    return list(session().scalars(found))


def open_of_person(person_id: str, location_id: str, order_id: str | None, most: int = 200) -> list[DoorRight]:
    """The person's open rights at a location, locked: those of one order, or all of them."""
    found = select(DoorRight).where(
        DoorRight.person_id == person_id, DoorRight.state == "open", DoorRight.location_id == location_id
    )
    if order_id is not None:
        found = found.where(DoorRight.order_id == order_id)
    return list(session().scalars(found.order_by(DoorRight.id).limit(most).with_for_update()))


def is_over(right: DoorRight) -> bool:
    return right.valid_until is not None and right.valid_until <= clock.now()
