"""Drop-off locations: by name, or nearest first (stories d-pr-03, b-bu-02)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from libs.chassis.db import session
from libs.chassis.pagination import decode_cursor, encode_cursor, page
from libs.chassis.problems import BadRequest, NotFound
from services.locker.geography import distance_m
from services.locker.models import Box, Location


@dataclass(frozen=True)
class Place:
    """A location with what a visitor wants to know of it."""

    location: Location
    free_boxes: int
    distance_m: int | None = None


@dataclass(frozen=True)
class Point:
    """A point in degrees."""

    latitude: float
    longitude: float


Page = tuple[list[Place], str | None]  # some locations, and the cursor of the page after them


def point_of(latitude: float | None, longitude: float | None) -> Point | None:
    """Both or neither; BadRequest for one alone."""
    if latitude is not None and longitude is not None:
        return Point(latitude, longitude)
    if latitude is None and longitude is None:
        return None
    missing = "near_lon" if longitude is None else "near_lat"
    error = {"pointer": f"query/{missing}", "detail": "a point needs both near_lat and near_lon"}
    raise BadRequest(error["detail"], errors=[error])


def get(location_id: str) -> Place:
    found = session().get(Location, location_id)
    if found is None:
        raise NotFound
    return _with_free_boxes([(found, None)])[0]


def page_by_name(limit: int, cursor: str | None) -> Page:
    by_name: Any = [(Location.name, "asc"), (Location.id, "asc")]
    found = page(select(Location), order_by=by_name, limit=limit, cursor=cursor, dump=lambda location: location)
    return _with_free_boxes([(location, None) for location in found["items"]]), found["next_cursor"]


def page_by_distance(point: Point, limit: int, cursor: str | None) -> Page:
    """Nearest first. A city has some hundred locations: they are measured here, in one query."""
    measured = sorted(
        (
            (distance_m(point.latitude, point.longitude, found.latitude, found.longitude), found.id, found)
            for found in session().scalars(select(Location))
        ),
        key=lambda entry: entry[:2],
    )
    if cursor is not None:
        metres, location_id = decode_cursor(cursor, 2, (int, str))
        measured = [entry for entry in measured if entry[:2] > (metres, location_id)]
    following = encode_cursor(measured[limit - 1][:2]) if len(measured) > limit else None
    return _with_free_boxes([(found, metres) for metres, _, found in measured[:limit]]), following


def _with_free_boxes(found: Sequence[tuple[Location, int | None]]) -> list[Place]:
    counts = _free_boxes(location.id for location, _ in found)
    return [Place(location, counts.get(location.id, 0), metres) for location, metres in found]


def _free_boxes(location_ids: Iterable[str]) -> dict[str, int]:
    counted = select(Box.location_id, func.count().label("free"))
    free = counted.where(Box.location_id.in_(list(location_ids)), Box.state == "free")
    return {row.location_id: row.free for row in session().execute(free.group_by(Box.location_id))}
