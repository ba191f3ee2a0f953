"""Drop-off boxes: free, held, occupied, out of service."""

from __future__ import annotations

from sqlalchemy import Select, select, update

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.deadlines import DEFAULT_TIME_ZONE, end_of_day
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.security import principal
from libs.chassis.state_machine import IllegalTransition
from libs.chassis.system_settings import setting
from services.locker import activity
from services.locker.models import Box, Location, MaintenanceRecord

MOVES: dict[str, frozenset[str]] = {
    "free": frozenset({"held", "out_of_service"}),
    "held": frozenset({"occupied", "free"}),
    "occupied": frozenset({"free"}),
    "out_of_service": frozenset({"free"}),
}


class LocationFull(Conflict):
    slug, title = "location-full", "The location has no free box"


def get(box_id: str) -> Box:
    found = session().get(Box, box_id)
    if found is None:
        raise NotFound
    return found


def change_service(box_id: str, state: str, reason: str | None) -> Box:
    """Take a free box out of service, with a reason, or back; IllegalTransition for a held or occupied one."""
    box = get(box_id)
    if state == "out_of_service" and not reason:
        detail = "say why the box is taken out of service"
        raise Unprocessable(detail, errors=[{"pointer": "/reason", "detail": detail}])
    before = _service_of(box)
    if not (can_change_by_hand(box.state, state) and _move(box, state)):
        raise IllegalTransition(f"a box that is {box.state} cannot become {state} by hand")
    _record_maintenance(box, reason if state == "out_of_service" else None, principal().subject)
    audit.record("update_box", box.id, before=before, after=_service_of(box))
    return box


def can_change_by_hand(before: str, after: str) -> bool:
    """Staff take a free box out of service and put it back; all other moves follow from orders and doors."""
    return "out_of_service" in (before, after) and after in MOVES[before]


def assign_deliveryman(box_id: str, deliveryman_id: str | None) -> Box:
    """Say who collects from a box (story mf-dob-02); None for the deliveryman of its location."""
    box = get(box_id)
    before, box.deliveryman_id = box.deliveryman_id, deliveryman_id
    audit.record("assign_box", box.id, before={"deliveryman_id": before}, after={"deliveryman_id": deliveryman_id})
    return box


def _service_of(box: Box) -> dict[str, str | None]:
    return {"state": box.state, "reason": box.out_of_service_reason}


def _record_maintenance(box: Box, reason: str | None, who: str) -> None:
    """A record is opened with a reason, and closed when the box is back."""
    box.out_of_service_reason = reason
    moment = clock.now()
    activity.note("out_of_service" if reason else "in_service", box.location_id, box_id=box.id, person_id=who)
    if reason is not None:
        record = MaintenanceRecord(id=new_id("mnt"), box_id=box.id, reason=reason, opened_by=who, opened_at=moment)
        session().add(record)
        return
    open_ones = select(MaintenanceRecord).where(
        MaintenanceRecord.box_id == box.id, MaintenanceRecord.closed_at.is_(None)
    )
    for record in session().scalars(open_ones):
        record.closed_by, record.closed_at = who, moment


def _move(box: Box, state: str) -> bool:
    """Move the row on from the state we saw; False when MOVES does not have that or somebody was faster."""
    if state not in MOVES[box.state]:
        return False
    session().flush()
    seen = update(Box).where(Box.id == box.id, Box.state == box.state, Box.version == box.version)
    moved = session().execute(seen.values(state=state, version=Box.version + 1))
    session().refresh(box)
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]


def lock(box_id: str) -> Box:
    """The box as it is now, for this unit of work alone. Boxes are locked before the rights to open them."""
    return session().get_one(Box, box_id, with_for_update=True, populate_existing=True)


def box_of_order(order_id: str) -> Box | None:
    """The box that is held for an order, or has its package, locked."""
    box_id = session().scalar(select(Box.id).where(Box.held_for_order_id == order_id))
    box = lock(box_id) if box_id is not None else None
    return box if box is not None and box.held_for_order_id == order_id else None


def hold(order_id: str, location_id: str) -> Box:
    """Hold one free box for an order; the same order again has the same box. LocationFull."""
    known = box_of_order(order_id)
    if known is not None:
        return known
    box = _take_free_box(location_id)
    if box is None:
        raise LocationFull("choose another location, or try again later")
    box.held_for_order_id, box.held_since = order_id, clock.now()
    hold_on(box)
    session().flush()
    activity.note("held", location_id, box_id=box.id, order_id=order_id)
    return box


def hold_on(box: Box) -> None:
    """The hold lasts its full time from now, until the end of a day at the location."""
    time_zone = session().scalar(select(Location.time_zone).where(Location.id == box.location_id))
    box.held_until = end_of_day(clock.now(), setting("locker.box_hold_days"), time_zone or DEFAULT_TIME_ZONE)


def _take_free_box(location_id: str) -> Box | None:
    """Claim a free box by one UPDATE on its state, so that no box is given twice."""
    while True:
        free = select(Box).where(Box.location_id == location_id, Box.state == "free")
        box = session().scalar(free.order_by(Box.id).limit(1), execution_options={"populate_existing": True})
        if box is None or _move(box, "held"):
            return box


def fill(box: Box, order_id: str) -> None:
    """The package of an order is in the box, whatever we thought of the box."""
    box.state, box.held_for_order_id = "occupied", order_id
    box.version += 1
    session().flush()


def shut(box: Box, reason: str, person_id: str) -> None:
    """Nobody uses the box until staff has looked at it; the person is whose door showed why."""
    box.state = "out_of_service"
    box.held_for_order_id = box.held_since = box.held_until = None
    box.version += 1
    _record_maintenance(box, reason, person_id)
    session().flush()


def free(box: Box) -> bool:
    """The box is empty, or its hold is over; False when it was free or out of service."""
    if box.state == "out_of_service" or not _move(box, "free"):
        return False
    box.held_for_order_id = box.held_since = box.held_until = box.waiting_since = None
    box.awaits_collection = box.is_reclaimed = False
    session().flush()  # before another box is the order's
    return True


def await_collection(box: Box) -> None:
    """What is in the box has to come to the warehouse."""
    if not box.awaits_collection:
        box.awaits_collection, box.waiting_since = True, clock.now()


def overdue(limit: int) -> Select[str]:
    """The ids of held boxes whose hold has ended."""
    ended = select(Box.id).where(Box.state == "held", Box.held_until < clock.now())
    return ended.order_by(Box.id).limit(limit)


def is_overdue(box: Box) -> bool:
    return box.state == "held" and box.held_until is not None and box.held_until < clock.now()
