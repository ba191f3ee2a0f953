"""Locations as JSON, for customers and for staff; both are made from an `Occupancy`."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.locker.boxes.rules import LIFECYCLE
from services.locker.locations.occupancy import Occupancy


def _address(occupancy: Occupancy) -> dict[str, str]:
    return {name: getattr(occupancy.location, name) for name in ("street", "city", "postal_code", "country")}


def _count_by_state(occupancy: Occupancy) -> dict[str, int]:
    return {state: occupancy.boxes.get(state, 0) for state in sorted(LIFECYCLE.states)}


def _fill_level(occupancy: Occupancy) -> float:
    total = sum(occupancy.boxes.values())
    return round(occupancy.boxes.get("occupied", 0) / total, 3) if total else 0.0


class _BaseSchema(Schema):
    id = fields.String(attribute="location.id")
    name = fields.String(attribute="location.name")
    address = fields.Function(_address)
    position = fields.Function(lambda view: {"lat": view.location.latitude, "lon": view.location.longitude})
    opening_hours = fields.String(attribute="location.opening_hours")
    time_zone = fields.String(attribute="location.time_zone")


class LocationSchema(_BaseSchema):
    free_boxes = fields.Function(lambda view: view.boxes.get("free", 0))
    distance_m = fields.Integer(allow_none=True)


class OccupancySchema(_BaseSchema):
    area = fields.String(attribute="location.area", allow_none=True)
    threshold = fields.Integer(attribute="location.threshold")
    deliveryman_id = fields.String(attribute="location.deliveryman_id", allow_none=True)
    controller_id = fields.String(attribute="location.controller_id", allow_none=True)
    controller_seen_at = fields.Function(lambda view: rfc3339(view.location.controller_seen_at))
    boxes = fields.Function(_count_by_state)
    fill_level = fields.Function(_fill_level)
