"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.locker.locations import Place


def _address(place: Place) -> dict[str, str]:
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
