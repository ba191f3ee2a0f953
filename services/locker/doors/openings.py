"""Open doors: a person scans the code of a location, and its controller gets a grant for each of the boxes."""

from __future__ import annotations

from dataclasses import dataclass

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.door_codes import DoorCode
from libs.chassis.problems import Conflict, NotFound, Unavailable
from services.locker.activity import log
from services.locker.boxes.tables import Box
from services.locker.doors import codes, grants, rights
from services.locker.doors.rules import is_expired
from services.locker.doors.tables import DoorRight, Grant
from services.locker.locations.rules import is_online
from services.locker.locations.tables import Location


class NothingToOpen(NotFound):
    slug, title = "nothing-to-open", "You have nothing to open at this location"


class HoldExpired(Conflict):
    slug, title = "hold-expired", "The box is no longer held for this order"


class BoxOutOfService(Conflict):
    slug, title = "box-out-of-service", "The box is out of service"


class ControllerOffline(Unavailable):
    slug, title = "controller-offline", "The location has no connection for now"


@dataclass(frozen=True)
class Opening:
    """A door for which a grant was issued."""

    grant: Grant
    right: DoorRight
    box: Box


def open_doors(code_text: str, person_id: str, order_id: str | None) -> tuple[Location, list[Opening]]:
    """Issue grants for the person's doors at the location of the code: for one order, or for all of them.

    Opens all doors that this code has not opened yet, or none. Raises CodeUnknown, CodeExpired, CodeUsed,
    NothingToOpen, HoldExpired, BoxOutOfService, ControllerOffline.
    """
    code = codes.verify_code(code_text)
    location = session().get(Location, code.location_id)
    if location is None:
        raise codes.CodeUnknown("scan the code on the screen of the location")
    open_rights = rights.lock_open_rights(person_id, location.id, order_id)
    if not open_rights:
        raise NothingToOpen("look up the location in each of your orders")
    if not is_online(location.controller_seen_at, clock.now()):
        raise ControllerOffline("try again in a moment", retry_after=10)
    unopened = [right for right in open_rights if not codes.was_used(code, right)]
    if not unopened:
        raise codes.CodeUsed("wait for the next code on the screen")
    return location, [_open(right, code) for right in unopened]


def _open(right: DoorRight, code: DoorCode) -> Opening:
    box = session().get_one(Box, right.box_id)
    if is_expired(right.valid_until, clock.now()):
        raise HoldExpired("submit the order again to get another box")
    if box.state == "out_of_service":
        raise BoxOutOfService(f"box {box.label} is being repaired; ask the help desk")
    codes.mark_used(code, right)
    grant = grants.issue(right)
    log.record(
        "opening",
        box.location_id,
        box_id=box.id,
        order_id=right.order_id,
        person_id=right.person_id,
        purpose=right.purpose,
    )
    return Opening(grant, right, box)
