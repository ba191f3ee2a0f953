"""Box controllers: OAuth machine clients, one for each location, that may be without a network for hours.

They number their events. Each number is taken once and in order: one that came already is passed over, one that
comes too early is refused, and the controller sends what is missing. What an event says is a fact: if it should not
be, it is kept as an anomaly, and never stops those that follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from libs.chassis import clock, jobs
from libs.chassis.db import is_disconnect, session
from libs.chassis.problems import Conflict, Forbidden, Unavailable
from services.locker import activity, boxes, door_rights, packages, thresholds
from services.locker.models import Box, ControllerEvent, DoorRight, Grant, Location

SEEN_EVERY = timedelta(seconds=15)
CLOCK_TOLERANCE = timedelta(minutes=2)
OPEN = ("used", "late")  # the states of a grant while its door is open


class NotAController(Forbidden):
    slug, title = "not-a-controller", "This client is not the controller of a location"


class EventGap(Conflict):
    slug, title = "event-gap", "Events that come before these are missing"


class SequenceReused(Conflict):
    slug, title = "sequence-reused", "Another event had this number"


def location_of(client_id: str) -> Location:
    """The location whose controller this client is, noted as connected; NotAController."""
    location = session().scalar(select(Location).where(Location.controller_id == client_id))
    if location is None:
        raise NotAController("a manager has to make this client the controller of a location first")
    moment = clock.now()
    if location.controller_seen_at is None or moment - location.controller_seen_at > SEEN_EVERY:
        location.controller_seen_at = moment
    return location


def take(location: Location, events: Sequence[dict[str, Any]]) -> int:
    """Take the events that are new, all or none; the number that is expected next.

    EventGap, SequenceReused.
    """
    session().refresh(location, with_for_update=True)
    for event in sorted(events, key=lambda event: event["sequence"]):
        _take(location, event)
    thresholds.check(location)
    return location.last_sequence + 1


def _take(location: Location, event: dict[str, Any]) -> None:
    number, digest = event["sequence"], digest_of(event)
    known = session().get(ControllerEvent, (location.id, number)) if number <= location.last_sequence else None
    if not is_next(number, location.last_sequence + 1, digest, known.digest if known else None):
        return
    session().add(ControllerEvent(location_id=location.id, sequence=number, digest=digest, taken_at=clock.now()))
    location.last_sequence = number
    try:
        with session().begin_nested():
            _apply(location, event, _time_of(event))
            session().flush()
    except Exception as error:
        if _is_passing(error):
            raise
        jobs.report_failure("controller events", f"{location.id}/{number}", error)
        activity.note_anomaly(location.id, "an event could not be applied", sequence=number, event=event)


def _is_passing(error: Exception) -> bool:
    """Whether the database or a conflict with another request failed, not the event: it has to be sent again."""
    return isinstance(error, (IntegrityError, StaleDataError, Unavailable)) or is_disconnect(error)


def digest_of(event: dict[str, Any]) -> str:
    """The same for the same event, however its members are ordered."""
    return hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()


def is_next(number: int, expected: int, digest: str, known_digest: str | None) -> bool:
    """Whether an event is the next one; False for one that was taken before.

    EventGap when events before it are missing; SequenceReused when another event had its number.
    """
    if number > expected:
        raise EventGap(f"event {expected} comes next, not {number}", expected_sequence=expected)
    if number < expected and known_digest not in (None, digest):
        raise SequenceReused(
            f"event {number} was another one; number {expected} is free", expected_sequence=expected
        )
    return number == expected


def _time_of(event: dict[str, Any]) -> datetime:
    """When it happened, by the controller's clock, which cannot be ahead of ours."""
    return min(clock.parse_rfc3339(event["at"]), clock.now() + CLOCK_TOLERANCE)


def _apply(location: Location, event: dict[str, Any], at: datetime) -> None:
    kind = event["type"]
    if kind in ("opened", "closed"):
        grant = session().get(Grant, event["grant_id"])
        if grant is None or grant.location_id != location.id:
            activity.note_anomaly(location.id, "a door was used with a grant that is not of this location", at=at)
            return
        box, right = boxes.lock(grant.box_id), door_rights.lock(grant.right_id)
        if kind == "opened":
            _opened(grant, right, at)
        else:
            _closed(grant, right, box, event["is_occupied"], at)
        return
    details = {name: event[name] for name in ("reason", "grant_id") if event.get(name) is not None}
    box_id = event.get("box_id")
    if box_id is not None and not _is_here(location, box_id):
        box_id = None
    activity.note(kind, location.id, box_id=box_id, at=at, **details)


def _is_here(location: Location, box_id: str) -> bool:
    box = session().get(Box, box_id)
    return box is not None and box.location_id == location.id


def _opened(grant: Grant, right: DoorRight, at: datetime) -> None:
    """Whether what is done behind the door counts is decided now: the right may end while the door is open."""
    where: dict[str, Any] = {"box_id": grant.box_id, "person_id": grant.person_id, "at": at}
    if grant.state in OPEN:
        activity.note_anomaly(grant.location_id, "a grant was used twice", **where)
        return
    if at > grant.expires_at + CLOCK_TOLERANCE:
        activity.note_anomaly(grant.location_id, "a grant was used after its time", **where)
    grant.state = "used" if door_rights.was_open(right, at) else "late"
    activity.note("opened", grant.location_id, **where)


def _closed(grant: Grant, right: DoorRight, box: Box, is_occupied: bool, at: datetime) -> None:
    where: dict[str, Any] = {"box_id": box.id, "order_id": right.order_id, "person_id": grant.person_id, "at": at}
    if grant.state not in OPEN:
        activity.note_anomaly(box.location_id, "a door was closed that was not opened", **where)
        return
    counts = grant.state == "used" and right.state != "used"
    grant.state = "closed"
    if not counts:
        activity.note_anomaly(box.location_id, f"a door was used for a right that is {right.state}", **where)
        if is_occupied:
            packages.left_too_late(right, box)
        return
    is_done = packages.door_closed(right, box, is_occupied)
    activity.note("closed", box.location_id, is_occupied=is_occupied, is_done=is_done, **where)
