"""Hold a box for an order, and release it."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.deadlines import end_of_day
from libs.chassis.problems import Conflict
from libs.chassis.system_settings import setting
from services.locker.activity import log
from services.locker.boxes import storage
from services.locker.boxes.tables import Box
from services.locker.doors import rights
from services.locker.locations.tables import Location


class LocationFull(Conflict):
    slug, title = "location-full", "The location has no free box"


def hold(order_id: str, location_id: str) -> Box:
    """Hold a free box for an order, or return the box that it has already. Raises LocationFull."""
    box = storage.lock_by_order(order_id)
    if box is not None:
        return box
    box = storage.claim_free_box(location_id)
    if box is None:
        raise LocationFull("choose another location, or try again later")
    box.held_for_order_id, box.held_since = order_id, clock.now()
    extend(box)
    session().flush()
    log.record("held", location_id, box_id=box.id, order_id=order_id)
    return box


def extend(box: Box) -> None:
    """Let the hold last its full time from now, until the end of a day at the location."""
    location = session().get_one(Location, box.location_id)
    box.held_until = end_of_day(clock.now(), setting("locker.box_hold_days"), location.time_zone)


def release(order_id: str) -> None:
    """Free the held box of an order and void the rights to open it; an occupied box stays as it is."""
    box = storage.lock_by_order(order_id)
    if box is None or box.state != "held":
        return
    rights.void_by_order(order_id)
    storage.free(box)
    log.record("released", box.location_id, box_id=box.id, order_id=order_id)
