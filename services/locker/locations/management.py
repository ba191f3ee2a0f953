"""Create and change locations (stories mf-dob-02 to mf-dob-04)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound
from services.locker.boxes.tables import Box
from services.locker.locations.collection_requests import request_due_collection
from services.locker.locations.tables import Location


class ControllerTaken(Conflict):
    slug, title = "controller-taken", "The client is the controller of another location"


def create_location(location_id: str, values: Mapping[str, Any], labels: Sequence[str]) -> Location:
    """Create a location with free boxes; idempotent for the same `location_id`."""
    existing = session().get(Location, location_id)
    if existing is not None:
        return existing
    location = Location(id=location_id, **values)
    session().add(location)
    session().flush()
    session().add_all(Box(location_id=location_id, label=label) for label in labels)
    audit.record("create_location", location_id, after={**values, "boxes": len(labels)})
    return location


def change_location(location_id: str, changes: Mapping[str, Any]) -> Location:
    """Change the given columns only. Raises NotFound, ControllerTaken."""
    location = session().get(Location, location_id, with_for_update=True)
    if location is None:
        raise NotFound
    _require_free_controller(location_id, changes.get("controller_id"))
    before = {name: getattr(location, name) for name in changes}
    for name, value in changes.items():
        setattr(location, name, value)
    audit.record("change_location", location_id, before=before, after=dict(changes))
    request_due_collection(location)
    return location


def _require_free_controller(location_id: str, client_id: str | None) -> None:
    if client_id is None:
        return
    other = session().scalar(
        select(Location.name).where(Location.controller_id == client_id, Location.id != location_id)
    )
    if other is not None:
        raise ControllerTaken(f"it is the controller of {other}")
