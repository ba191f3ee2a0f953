"""Find the drop-off locations nearest to a point (stories d-pr-03, b-bu-02)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from libs.chassis.db import session
from libs.chassis.pagination import decode_cursor, encode_cursor
from libs.chassis.problems import BadRequest
from services.locker.locations.geography import MAX_DISTANCE_M, bounding_box, distance_m
from services.locker.locations.occupancy import Occupancy, count_boxes
from services.locker.locations.tables import Location

FIRST_RADIUS_M = 5_000.0
RADIUS_FACTOR = 16


@dataclass(frozen=True)
class Point:
    """A point in degrees."""

    latitude: float
    longitude: float


def parse_point(latitude: float | None, longitude: float | None) -> Point | None:
    """The point, or None when neither value is given. Raises BadRequest when only one of them is given."""
    if latitude is not None and longitude is not None:
        return Point(latitude, longitude)
    if latitude is None and longitude is None:
        return None
    missing = "near_lon" if longitude is None else "near_lat"
    error = {"pointer": f"query/{missing}", "detail": "a point needs both near_lat and near_lon"}
    raise BadRequest(error["detail"], errors=[error])


def list_by_distance(point: Point, limit: int, cursor: str | None) -> tuple[list[Occupancy], str | None]:
    """A page of locations, nearest first, and the cursor of the next page.

    Searches within a small radius first, and widens it until the page is full.
    """
    after: list[Any] = decode_cursor(cursor, 2, (int, str)) if cursor is not None else [-1, ""]
    radius = max(FIRST_RADIUS_M, 2.0 * after[0])
    while True:
        nearby = [entry for entry in _find_within(point, radius) if entry[:2] > tuple(after)]
        if len(nearby) > limit or radius >= MAX_DISTANCE_M:
            break
        radius *= RADIUS_FACTOR
    next_cursor = encode_cursor(nearby[limit - 1][:2]) if len(nearby) > limit else None
    return count_boxes([(location, distance) for distance, _, location in nearby[:limit]]), next_cursor


def _find_within(point: Point, radius: float) -> list[tuple[int, str, Location]]:
    """Distance, id and location of those within `radius` metres, nearest first."""
    area = bounding_box(point.latitude, point.longitude, radius + 1)
    longitudes = [Location.longitude.between(west, east) for west, east in area.longitudes]
    candidates = select(Location).where(Location.latitude.between(area.south, area.north), or_(*longitudes))
    measured = (
        (distance_m(point.latitude, point.longitude, location.latitude, location.longitude), location.id, location)
        for location in session().scalars(candidates)
    )
    return sorted((entry for entry in measured if entry[0] <= radius), key=lambda entry: entry[:2])
