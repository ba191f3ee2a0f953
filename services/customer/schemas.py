"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.customer.models import BuyingOrder


class ProfileSchema(Schema):
    id = fields.String()
    full_name = fields.String()
    body_sizes = fields.Raw()
    preferences = fields.Raw()
    consents = fields.Raw()
    created_at = fields.Function(lambda customer: rfc3339(customer.created_at))


class ItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = fields.Function(lambda item: item.price.to_dict())


class TimelineEntrySchema(Schema):
    state = fields.String()
    at = fields.Function(lambda entry: rfc3339(entry.at))


def _location(order: BuyingOrder) -> dict[str, str]:
    return {"id": order.pickup_location_id, "name": order.pickup_location_name}


class BuyingOrderSchema(Schema):
    id = fields.String()
    buyer_id = fields.String()
    state = fields.String()
    items = fields.List(fields.Nested(ItemSchema))
    total = fields.Function(lambda order: order.total.to_dict())
    pickup_location = fields.Function(_location)
    placed_at = fields.Function(lambda order: rfc3339(order.placed_at))
    expires_at = fields.Function(lambda order: rfc3339(order.expires_at))
    paid_at = fields.Function(lambda order: rfc3339(order.paid_at))
    payment_id = fields.String(allow_none=True)
    timeline = fields.List(fields.Nested(TimelineEntrySchema))
