"""Receive the events of a controller, which may have been without a network for hours.

A controller numbers its events. Each number is received once and in order: an event that was received before is
skipped, and one that comes too early is refused, so that the controller sends the missing ones. An event that
contradicts the state of a box or door is recorded as an anomaly and does not block those that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from libs.chassis import clock, jobs
from libs.chassis.db import is_disconnect, session
from libs.chassis.problems import Forbidden, Unavailable
from services.locker.activity import log
from services.locker.controllers.door_events import apply_event
from services.locker.controllers.rules import compute_digest, event_time, is_next
from services.locker.controllers.tables import ControllerEvent
from services.locker.locations.collection_requests import request_due_collection
from services.locker.locations.tables import Location

SEEN_INTERVAL = timedelta(seconds=15)


class NotAController(Forbidden):
    slug, title = "not-a-controller", "This client is not the controller of a location"


def identify_location(client_id: str) -> Location:
    """Find the location of a controller, and store that it is online. Raises NotAController."""
    location = session().scalar(select(Location).where(Location.controller_id == client_id))
    if location is None:
        raise NotAController("a manager has to make this client the controller of a location first")
    now = clock.now()
    if location.controller_seen_at is None or now - location.controller_seen_at > SEEN_INTERVAL:
        location.controller_seen_at = now
    return location


def receive_events(location: Location, events: Sequence[dict[str, Any]]) -> int:
    """Receive the events that are new, all or none; return the number that is expected next.

    Raises EventGap, SequenceReused.
    """
    session().refresh(location, with_for_update=True)
    for event in sorted(events, key=lambda event: event["sequence"]):
        _receive(location, event)
    request_due_collection(location)
    return location.last_sequence + 1


def _receive(location: Location, event: dict[str, Any]) -> None:
    sequence, digest = event["sequence"], compute_digest(event)
    is_old = sequence <= location.last_sequence
    stored = session().get(ControllerEvent, (location.id, sequence)) if is_old else None
    if not is_next(sequence, location.last_sequence + 1, digest, stored.digest if stored else None):
        return
    session().add(ControllerEvent(location_id=location.id, sequence=sequence, digest=digest))
    location.last_sequence = sequence
    try:
        with session().begin_nested():
            apply_event(location, event, event_time(event, clock.now()))
            session().flush()
    except Exception as error:
        if _is_transient(error):
            raise
        jobs.report_failure("controller events", f"{location.id}/{sequence}", error)
        log.record_anomaly(location.id, "an event could not be applied", sequence=sequence, event=event)


def _is_transient(error: Exception) -> bool:
    """Whether the controller must repeat the report, because the database or a conflicting request failed it."""
    return isinstance(error, (IntegrityError, StaleDataError, Unavailable)) or is_disconnect(error)
