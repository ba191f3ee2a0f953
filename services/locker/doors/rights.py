"""Issue, end and find the rights to open doors: only for the person of the order, the location and the purpose."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.queries import filter_by
from services.locker.boxes.tables import Box
from services.locker.doors.rules import IS_OCCUPIED_AFTER, LIFECYCLE
from services.locker.doors.tables import DoorRight

BATCH_SIZE = 200


def issue(purpose: str, order_id: str, person_id: str, box: Box, valid_until: datetime | None = None) -> DoorRight:
    """Issue a right to one person, and void another person's right of the same order and purpose."""
    for other in _list_open(order_id):
        if (other.purpose, other.person_id, other.box_id) == (purpose, person_id, box.id):
            other.valid_until = valid_until
            return other
        if other.purpose == purpose:
            _end(other, "void")
    right = DoorRight(
        purpose=purpose,
        order_id=order_id,
        person_id=person_id,
        location_id=box.location_id,
        box_id=box.id,
        valid_until=valid_until,
    )
    session().add(right)
    session().flush()
    return right


def mark_used(right: DoorRight) -> None:
    """End a right whose purpose is fulfilled, and void the order's other rights to fill or to empty the box."""
    is_occupied = IS_OCCUPIED_AFTER[right.purpose]
    _end(right, "use")
    void_by_order(right.order_id, *(name for name, fills in IS_OCCUPIED_AFTER.items() if fills == is_occupied))


def void_by_order(order_id: str, *purposes: str) -> list[DoorRight]:
    """Void the open rights of an order, of all purposes or of these; return the rights that were voided."""
    voided = [right for right in _list_open(order_id) if not purposes or right.purpose in purposes]
    for right in voided:
        _end(right, "void")
    return voided


def _end(right: DoorRight, transition: str) -> None:
    """End a right; its controller is not given the grants of it any more."""
    right.state, right.ended_at = LIFECYCLE.apply(right.state, transition), clock.now()


def lock(right_id: str) -> DoorRight:
    """Read the right again and lock it."""
    return session().get_one(DoorRight, right_id, with_for_update=True, populate_existing=True)


def has_open_right(order_id: str, purpose: str) -> bool:
    return any(right.purpose == purpose for right in _list_open(order_id))


def _list_open(order_id: str) -> list[DoorRight]:
    query = select(DoorRight).where(DoorRight.order_id == order_id, DoorRight.state == "open")
    return list(session().scalars(query.with_for_update()))


def lock_open_rights(person_id: str, location_id: str, order_id: str | None) -> list[DoorRight]:
    """Lock the person's open rights at a location, for one order or for all of them."""
    own = select(DoorRight).where(
        DoorRight.person_id == person_id, DoorRight.state == "open", DoorRight.location_id == location_id
    )
    query = filter_by(own, {DoorRight.order_id: order_id})
    return list(session().scalars(query.order_by(DoorRight.id).limit(BATCH_SIZE).with_for_update()))
