"""Drop-off locations."""

from __future__ import annotations

from typing import Any

from services.locker import locations
from services.locker.schemas import LocationSchema


def list_locations(
    limit: int = 20,
    cursor: str | None = None,
    near_lat: float | None = None,
    near_lon: float | None = None,
) -> dict[str, Any]:
    point = locations.point_of(near_lat, near_lon)
    if point is None:
        found, following = locations.page_by_name(limit, cursor)
    else:
        found, following = locations.page_by_distance(point, limit, cursor)
    return {"items": LocationSchema(many=True).dump(found), "next_cursor": following}


def get_location(location_id: str) -> dict[str, Any]:
    found: dict[str, Any] = LocationSchema().dump(locations.get(location_id))
    return found
