"""Drop-off locations."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from services.locker import locations
from services.locker.schemas import LocationSchema, OccupancySchema


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


def create_location(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    facts = _columns({name: value for name, value in body.items() if name != "box_labels"})
    location = locations.create(stable_id("loc"), facts, body["box_labels"])
    return _for_staff(location.id), 201, {"Location": f"/locker/v1/locations/{location.id}"}


def change_location(location_id: str, body: dict[str, Any]) -> dict[str, Any]:
    locations.change(location_id, _columns(body))
    return _for_staff(location_id)


def list_occupancies(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    found = locations.page_of_occupancies(limit, cursor)
    return found | {"items": OccupancySchema(many=True).dump(found["items"])}


def get_occupancy(location_id: str) -> dict[str, Any]:
    return _for_staff(location_id)


def _for_staff(location_id: str) -> dict[str, Any]:
    return dict(OccupancySchema().dump(locations.occupancy_of(location_id)))


def _columns(body: dict[str, Any]) -> dict[str, Any]:
    """The contract's names as those of the table."""
    flat = {name: value for name, value in body.items() if name not in ("address", "position")}
    position = body.get("position", {})
    flat |= {long: position[short] for long, short in (("latitude", "lat"), ("longitude", "lon")) if position}
    return {**flat, **body.get("address", {})}
