"""Apply one event of a controller: a door was opened or closed, or something else for the activity log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.chassis.db import session
from services.locker.activity import log
from services.locker.boxes import storage
from services.locker.boxes.tables import Box
from services.locker.controllers.rules import CLOCK_TOLERANCE
from services.locker.doors import rights
from services.locker.doors.grant_rules import LIFECYCLE
from services.locker.doors.rules import was_open_at
from services.locker.doors.tables import DoorRight, Grant
from services.locker.holds.box_contents import apply_closed_door, block_late_deposit
from services.locker.locations.tables import Location


def apply_event(location: Location, event: dict[str, Any], at: datetime) -> None:
    """Apply an event that happened `at` this time; one that contradicts what we know is recorded as an anomaly."""
    if event["type"] not in ("opened", "closed"):
        _record_activity(location, event, at)
        return
    grant = session().get(Grant, event["grant_id"])
    if grant is None or grant.location_id != location.id:
        log.record_anomaly(location.id, "a door was used with a grant that is not of this location", at=at)
        return
    box, right = storage.lock(grant.box_id), rights.lock(grant.right_id)
    if event["type"] == "opened":
        _open(grant, right, at)
    else:
        _close(grant, right, box, event["is_occupied"], at)


def _record_activity(location: Location, event: dict[str, Any], at: datetime) -> None:
    details = {name: event[name] for name in ("reason", "grant_id") if event.get(name) is not None}
    box = session().get(Box, event["box_id"]) if event.get("box_id") is not None else None
    box_id = box.id if box is not None and box.location_id == location.id else None
    log.record(event["type"], location.id, box_id=box_id, at=at, **details)


def _open(grant: Grant, right: DoorRight, at: datetime) -> None:
    """Decide whether the use of the door counts: its right may end while the door is open."""
    fields: dict[str, Any] = {"box_id": grant.box_id, "person_id": grant.person_id, "at": at}
    transition = "open" if was_open_at(right.state, right.ended_at, at) else "open_late"
    if not LIFECYCLE.allows(grant.state, transition):
        log.record_anomaly(grant.location_id, "a grant was used twice", **fields)
        return
    if at > grant.expires_at + CLOCK_TOLERANCE:
        log.record_anomaly(grant.location_id, "a grant was used after its time", **fields)
    grant.state = LIFECYCLE.apply(grant.state, transition)
    log.record("opened", grant.location_id, **fields)


def _close(grant: Grant, right: DoorRight, box: Box, is_occupied: bool, at: datetime) -> None:
    fields: dict[str, Any] = {"box_id": box.id, "order_id": right.order_id, "person_id": grant.person_id, "at": at}
    if not LIFECYCLE.allows(grant.state, "close"):
        log.record_anomaly(box.location_id, "a door was closed that was not opened", **fields)
        return
    counts = grant.state == "opened" and right.state != "used"
    grant.state = LIFECYCLE.apply(grant.state, "close")
    if not counts:
        log.record_anomaly(box.location_id, f"a door was used for a right that is {right.state}", **fields)
        if is_occupied:
            block_late_deposit(right, box)
        return
    is_fulfilled = apply_closed_door(right, box, is_occupied)
    log.record("closed", box.location_id, is_occupied=is_occupied, is_fulfilled=is_fulfilled, **fields)
