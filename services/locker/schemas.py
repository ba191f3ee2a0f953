"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.locker.locations import Occupancy, Place


def _address(place: Place | Occupancy) -> dict[str, str]:
    found = place.location
    return {
        "street": found.street,
        "city": found.city,
        "postal_code": found.postal_code,
        "country": found.country,
    }


class LocationSchema(Schema):
    id = fields.String(attribute="location.id")
    name = fields.String(attribute="location.name")
    address = fields.Function(_address)
    position = fields.Function(lambda place: {"lat": place.location.latitude, "lon": place.location.longitude})
    opening_hours = fields.String(attribute="location.opening_hours")
    time_zone = fields.String(attribute="location.time_zone")
    free_boxes = fields.Integer()
    distance_m = fields.Integer(allow_none=True)


class BoxSchema(Schema):
    id = fields.String()
    location_id = fields.String()
    label = fields.String()
    state = fields.String()
    held_for_order_id = fields.String(allow_none=True)
    held_until = fields.Function(lambda box: rfc3339(box.held_until))
    out_of_service_reason = fields.String(allow_none=True)
    deliveryman_id = fields.String(allow_none=True)


def _states(occupancy: Occupancy) -> dict[str, int]:
    return {state: occupancy.boxes.get(state, 0) for state in ("free", "held", "occupied", "out_of_service")}


def _fill_level(occupancy: Occupancy) -> float:
    every = sum(occupancy.boxes.values())
    return round(occupancy.boxes.get("occupied", 0) / every, 3) if every else 0.0


class OccupancySchema(Schema):
    """A location as staff sees it."""

    id = fields.String(attribute="location.id")
    name = fields.String(attribute="location.name")
    address = fields.Function(_address)
    position = fields.Function(lambda found: {"lat": found.location.latitude, "lon": found.location.longitude})
    opening_hours = fields.String(attribute="location.opening_hours")
    time_zone = fields.String(attribute="location.time_zone")
    area = fields.String(attribute="location.area", allow_none=True)
    threshold = fields.Integer(attribute="location.threshold")
    deliveryman_id = fields.String(attribute="location.deliveryman_id", allow_none=True)
    controller_id = fields.String(attribute="location.controller_id", allow_none=True)
    controller_seen_at = fields.Function(lambda found: rfc3339(found.location.controller_seen_at))
    boxes = fields.Function(_states)
    fill_level = fields.Function(_fill_level)


class OpeningSchema(Schema):
    grant_id = fields.String(attribute="grant.id")
    order_id = fields.String(attribute="right.order_id")
    purpose = fields.String(attribute="right.purpose")
    box_id = fields.String(attribute="box.id")
    box_label = fields.String(attribute="box.label")
    expires_at = fields.Function(lambda opening: rfc3339(opening.grant.expires_at))


class DoorRightSchema(Schema):
    id = fields.String()
    purpose = fields.String()
    state = fields.String()
    order_id = fields.String()
    location_id = fields.String()
    box_id = fields.String()
    valid_until = fields.Function(lambda right: rfc3339(right.valid_until))


class BoxOfControllerSchema(Schema):
    id = fields.String()
    label = fields.String()
    is_occupied = fields.Function(lambda box: box.state == "occupied")


class SignedGrantSchema(Schema):
    """Of a grant and its text."""

    grant_id = fields.Function(lambda pair: pair[0].id)
    box_id = fields.Function(lambda pair: pair[0].box_id)
    text = fields.Function(lambda pair: pair[1])
    expires_at = fields.Function(lambda pair: rfc3339(pair[0].expires_at))


class ActivitySchema(Schema):
    id = fields.String()
    location_id = fields.String()
    box_id = fields.String(allow_none=True)
    kind = fields.String()
    order_id = fields.String(allow_none=True)
    person_id = fields.String(allow_none=True)
    details = fields.Raw()
    at = fields.Function(lambda entry: rfc3339(entry.at))


class MaintenanceRecordSchema(Schema):
    id = fields.String()
    box_id = fields.String()
    reason = fields.String()
    opened_by = fields.String()
    opened_at = fields.Function(lambda record: rfc3339(record.opened_at))
    closed_by = fields.String(allow_none=True)
    closed_at = fields.Function(lambda record: rfc3339(record.closed_at))
