"""Find, lock and change boxes."""

from __future__ import annotations

from sqlalchemy import select, update

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.queries import get_row
from services.locker.boxes.rules import LIFECYCLE
from services.locker.boxes.tables import Box


def lock(box_id: str) -> Box:
    """Read the box again and lock it. Boxes are locked before the rights to open them."""
    return session().get_one(Box, box_id, with_for_update=True, populate_existing=True)


def lock_by_order(order_id: str) -> Box | None:
    """Lock the box that is held for an order or has its package."""
    box_id = session().scalar(select(Box.id).where(Box.held_for_order_id == order_id))
    box = lock(box_id) if box_id is not None else None
    return box if box is not None and box.held_for_order_id == order_id else None


def change_state(box: Box, transition: str) -> bool:
    """Apply a transition to the row as it was read; False when another transaction has changed it since.

    Raises IllegalTransition when the lifecycle does not allow the transition.
    """
    state = LIFECYCLE.apply(box.state, transition)
    session().flush()
    unchanged = update(Box).where(Box.id == box.id, Box.state == box.state, Box.version == box.version)
    result = session().execute(unchanged.values(state=state, version=Box.version + 1))
    session().refresh(box)
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def claim_free_box(location_id: str) -> Box | None:
    """Change one free box of the location to held, by one UPDATE, so that no box is held for two orders."""
    while True:
        free = select(Box).where(Box.location_id == location_id, Box.state == "free")
        box = session().scalar(free.order_by(Box.id).limit(1), execution_options={"populate_existing": True})
        if box is None or change_state(box, "hold"):
            return box


def fill(box: Box, order_id: str) -> None:
    """Mark a locked box as occupied by the package of an order."""
    change_state(box, "fill")
    box.held_for_order_id = order_id
    session().flush()


def free(box: Box) -> bool:
    """Mark a held or occupied box as free; False when it was free or out of service."""
    if not (LIFECYCLE.allows(box.state, "free") and change_state(box, "free")):
        return False
    box.held_for_order_id = box.held_since = box.held_until = box.waiting_since = None
    box.awaits_collection = box.is_reclaimed = False
    session().flush()  # `held_for_order_id` is unique: the order may get another box next
    return True


def await_collection(box: Box) -> None:
    """Let the deposit in the box count for the threshold of its location."""
    if not box.awaits_collection:
        box.awaits_collection, box.waiting_since = True, clock.now()


def assign_deliveryman(box_id: str, deliveryman_id: str | None) -> Box:
    """Set who collects from a box (story mf-dob-02); None for the deliveryman of its location."""
    box = get_row(Box, box_id, "there is no such box")
    before, box.deliveryman_id = box.deliveryman_id, deliveryman_id
    audit.record("assign_box", box.id, before={"deliveryman_id": before}, after={"deliveryman_id": deliveryman_id})
    return box
