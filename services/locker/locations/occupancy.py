"""Locations with their boxes by state, as customers and staff see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from libs.chassis.db import session
from libs.chassis.pagination import page
from libs.chassis.queries import get_row
from services.locker.boxes.tables import Box
from services.locker.locations.tables import Location


@dataclass(frozen=True)
class Occupancy:
    """A location, the number of its boxes by state, and its distance from the point of a search."""

    location: Location
    boxes: Mapping[str, int]
    distance_m: int | None = None


def get_occupancy(location_id: str) -> Occupancy:
    return count_boxes([(get_row(Location, location_id, "there is no such location"), None)])[0]


def list_by_name(limit: int, cursor: str | None) -> tuple[list[Occupancy], str | None]:
    """A page of locations, and the cursor of the next page."""
    by_name: Any = [(Location.name, "asc"), (Location.id, "asc")]
    locations = page(select(Location), order_by=by_name, limit=limit, cursor=cursor, dump=lambda location: location)
    return count_boxes([(location, None) for location in locations["items"]]), locations["next_cursor"]


def count_boxes(locations: Sequence[tuple[Location, int | None]]) -> list[Occupancy]:
    """The occupancy of each location; the locations come with their distance."""
    session().flush()
    counts: dict[str, dict[str, int]] = {location.id: {} for location, _ in locations}
    query = select(Box.location_id, Box.state, func.count().label("boxes")).where(Box.location_id.in_(list(counts)))
    for row in session().execute(query.group_by(Box.location_id, Box.state)):
        counts[row.location_id][row.state] = row.boxes
    return [Occupancy(location, counts[location.id], distance) for location, distance in locations]
