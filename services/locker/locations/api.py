"""Drop-off locations, for everybody, and their occupancy, for staff."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from services.locker.locations import management, occupancy, search
from services.locker.locations.schemas import LocationSchema, OccupancySchema


def list_locations(
    limit: int = 20,
    cursor: str | None = None,
    near_lat: float | None = None,
    near_lon: float | None = None,
) -> dict[str, Any]:
    point = search.parse_point(near_lat, near_lon)
    if point is None:
        locations, next_cursor = occupancy.list_by_name(limit, cursor)
    else:
        locations, next_cursor = search.list_by_distance(point, limit, cursor)
    return {"items": LocationSchema(many=True).dump(locations), "next_cursor": next_cursor}


def get_location(location_id: str) -> dict[str, Any]:
    return dict(LocationSchema().dump(occupancy.get_occupancy(location_id)))


def create_location(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    values = _columns({name: value for name, value in body.items() if name != "box_labels"})
    location = management.create_location(stable_id("loc"), values, body["box_labels"])
    return get_occupancy(location.id), 201, {"Location": f"/locker/v1/locations/{location.id}"}


def change_location(location_id: str, body: dict[str, Any]) -> dict[str, Any]:
    management.change_location(location_id, _columns(body))
    return get_occupancy(location_id)


def list_occupancies(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    occupancies, next_cursor = occupancy.list_by_name(limit, cursor)
    return {"items": OccupancySchema(many=True).dump(occupancies), "next_cursor": next_cursor}


def get_occupancy(location_id: str) -> dict[str, Any]:
    return dict(OccupancySchema().dump(occupancy.get_occupancy(location_id)))


def _columns(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a location in the contract as columns of its table."""
    columns = {name: value for name, value in body.items() if name not in ("address", "position")}
    if position := body.get("position"):
        columns |= {"latitude": position["lat"], "longitude": position["lon"]}
    return {**columns, **body.get("address", {})}
