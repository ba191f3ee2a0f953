"""How full locations are: their boxes by state (story mf-dob-01)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from libs.chassis.db import session
from libs.chassis.pagination import page
from libs.chassis.problems import NotFound
from services.locker.boxes.tables import Box
from services.locker.locations.tables import Location

BY_NAME: Any = [(Location.name, "asc"), (Location.id, "asc")]


@dataclass(frozen=True)
class Occupancy:
    """A location with the number of its boxes by state."""

    location: Location
    boxes: Mapping[str, int]


def list_occupancies(limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of all locations by name."""
    found = page(select(Location), order_by=BY_NAME, limit=limit, cursor=cursor, dump=lambda location: location)
    return found | {"items": _occupancies(found["items"])}


def get_occupancy(location_id: str) -> Occupancy:
    location = session().get(Location, location_id)
    if location is None:
        raise NotFound
    return _occupancies([location])[0]


def count_boxes(location_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """The number of boxes by location and state."""
    counts: dict[str, dict[str, int]] = {location_id: {} for location_id in location_ids}
    query = select(Box.location_id, Box.state, func.count().label("boxes")).where(Box.location_id.in_(list(counts)))
    for row in session().execute(query.group_by(Box.location_id, Box.state)):
        counts[row.location_id][row.state] = row.boxes
    return counts


def _occupancies(locations: Sequence[Location]) -> list[Occupancy]:
    session().flush()
    counts = count_boxes(location.id for location in locations)
    return [Occupancy(location, counts[location.id]) for location in locations]
