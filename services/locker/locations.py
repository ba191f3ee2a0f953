"""Drop-off locations: by name, or nearest first (stories d-pr-03, b-bu-02)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.pagination import decode_cursor, encode_cursor, page
from libs.chassis.problems import BadRequest, Conflict, NotFound
from services.locker import thresholds
from services.locker.geography import HALF_WAY_ROUND_M, distance_m, frame_around
from services.locker.models import Box, Location

FIRST_REACH_M = 5_000.0
WIDER = 16


class ControllerTaken(Conflict):
    slug, title = "controller-taken", "The client is the controller of another location"


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
    """Nearest first: looked for in a small frame, which grows until it has enough."""
    beyond: list[Any] = decode_cursor(cursor, 2, (int, str)) if cursor is not None else [-1, ""]
    reach = max(FIRST_REACH_M, 2.0 * beyond[0])
    while True:
        measured = [entry for entry in _measured(point, reach) if entry[:2] > tuple(beyond)]
        if len(measured) > limit or reach >= HALF_WAY_ROUND_M:
            break
        reach *= WIDER
    following = encode_cursor(measured[limit - 1][:2]) if len(measured) > limit else None
    return _with_free_boxes([(found, metres) for metres, _, found in measured[:limit]]), following


def _measured(point: Point, reach: float) -> list[tuple[int, str, Location]]:
    """The locations within `reach` metres, nearest first."""
    frame = frame_around(point.latitude, point.longitude, reach + 1)
    ways = [Location.longitude.between(west, east) for west, east in frame.longitudes]
    inside = select(Location).where(Location.latitude.between(frame.south, frame.north), or_(*ways))
    every = (
        (distance_m(point.latitude, point.longitude, found.latitude, found.longitude), found.id, found)
        for found in session().scalars(inside)
    )
    return sorted((entry for entry in every if entry[0] <= reach), key=lambda entry: entry[:2])


def create(location_id: str, facts: Mapping[str, Any], labels: Sequence[str]) -> Location:
    """A location with its boxes, all free; the same `location_id` again is the one that is there."""
    known = session().get(Location, location_id)
    if known is not None:
        return known
    location = Location(id=location_id, **facts)
    session().add(location)
    session().flush()
    session().add_all(Box(id=new_id("box"), location_id=location_id, label=label, state="free") for label in labels)
    audit.record("create_location", location_id, after={**facts, "boxes": len(labels)})
    return location


def change(location_id: str, changes: Mapping[str, Any]) -> Location:
    """Change what is named and leave the rest (stories mf-dob-02 to mf-dob-04). NotFound, ControllerTaken."""
    location = session().get(Location, location_id, with_for_update=True)
    if location is None:
        raise NotFound
    client_id = changes.get("controller_id")
    if client_id is not None:
        other = session().scalar(
            select(Location.name).where(Location.controller_id == client_id, Location.id != location_id)
        )
        if other is not None:
            raise ControllerTaken(f"it is the controller of {other}")
    before = {name: getattr(location, name) for name in changes}
    for name, value in changes.items():
        setattr(location, name, value)
    audit.record("change_location", location_id, before=before, after=dict(changes))
    thresholds.check(location)
    return location


@dataclass(frozen=True)
class Occupancy:
    """How full a location is: its boxes by state."""

    location: Location
    boxes: Mapping[str, int]


def page_of_occupancies(limit: int, cursor: str | None) -> dict[str, Any]:
    """All locations by name with the states of their boxes (story mf-dob-01)."""
    by_name: Any = [(Location.name, "asc"), (Location.id, "asc")]
    found = page(select(Location), order_by=by_name, limit=limit, cursor=cursor, dump=lambda location: location)
    return found | {"items": _occupancies(found["items"])}


def occupancy_of(location_id: str) -> Occupancy:
    location = session().get(Location, location_id)
    if location is None:
        raise NotFound
    return _occupancies([location])[0]


def _occupancies(found: Sequence[Location]) -> list[Occupancy]:
    session().flush()
    ids = [location.id for location in found]
    counted = select(Box.location_id, Box.state, func.count().label("boxes")).where(Box.location_id.in_(ids))
    counts: dict[str, dict[str, int]] = {location_id: {} for location_id in ids}
    for row in session().execute(counted.group_by(Box.location_id, Box.state)):
        counts[row.location_id][row.state] = row.boxes
    return [Occupancy(location, counts[location.id]) for location in found]


def _with_free_boxes(found: Sequence[tuple[Location, int | None]]) -> list[Place]:
    counts = _free_boxes(location.id for location, _ in found)
    return [Place(location, counts.get(location.id, 0), metres) for location, metres in found]


def _free_boxes(location_ids: Iterable[str]) -> dict[str, int]:
    counted = select(Box.location_id, func.count().label("free"))
    free = counted.where(Box.location_id.in_(list(location_ids)), Box.state == "free")
    return {row.location_id: row.free for row in session().execute(free.group_by(Box.location_id))}
