"""Find drop-off locations by name, or the nearest ones first (stories d-pr-03, b-bu-02)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from libs.chassis.db import session
from libs.chassis.pagination import decode_cursor, encode_cursor, page
from libs.chassis.problems import BadRequest, NotFound
from services.locker.locations.geography import MAX_DISTANCE_M, bounding_box, distance_m
from services.locker.locations.occupancy import BY_NAME, count_boxes
from services.locker.locations.tables import Location

FIRST_RADIUS_M = 5_000.0
RADIUS_FACTOR = 16


@dataclass(frozen=True)
class PublicLocation:
    """A location with what customers see of it."""

    location: Location
    free_boxes: int
    distance_m: int | None = None


@dataclass(frozen=True)
class Point:
    """A point in degrees."""

    latitude: float
    longitude: float


LocationPage = tuple[list[PublicLocation], str | None]  # the locations, and the cursor of the next page


def parse_point(latitude: float | None, longitude: float | None) -> Point | None:
    """The point, or None when neither value is given. Raises BadRequest when only one of them is given."""
    if latitude is not None and longitude is not None:
        return Point(latitude, longitude)
    if latitude is None and longitude is None:
        return None
    missing = "near_lon" if longitude is None else "near_lat"
    error = {"pointer": f"query/{missing}", "detail": "a point needs both near_lat and near_lon"}
    raise BadRequest(error["detail"], errors=[error])


def get_location(location_id: str) -> PublicLocation:
    location = session().get(Location, location_id)
    if location is None:
        raise NotFound
    return _with_free_boxes([(location, None)])[0]


def list_by_name(limit: int, cursor: str | None) -> LocationPage:
    found = page(select(Location), order_by=BY_NAME, limit=limit, cursor=cursor, dump=lambda location: location)
    return _with_free_boxes([(location, None) for location in found["items"]]), found["next_cursor"]


def list_by_distance(point: Point, limit: int, cursor: str | None) -> LocationPage:
    """Search within a small radius first, and widen it until the page is full."""
    after: list[Any] = decode_cursor(cursor, 2, (int, str)) if cursor is not None else [-1, ""]
    radius = max(FIRST_RADIUS_M, 2.0 * after[0])
    while True:
        nearby = [entry for entry in _find_within(point, radius) if entry[:2] > tuple(after)]
        if len(nearby) > limit or radius >= MAX_DISTANCE_M:
            break
        radius *= RADIUS_FACTOR
    next_cursor = encode_cursor(nearby[limit - 1][:2]) if len(nearby) > limit else None
    return _with_free_boxes([(location, distance) for distance, _, location in nearby[:limit]]), next_cursor


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


def _with_free_boxes(locations: Sequence[tuple[Location, int | None]]) -> list[PublicLocation]:
    counts = count_boxes(location.id for location, _ in locations)
    return [PublicLocation(found, counts[found.id].get("free", 0), distance) for found, distance in locations]
