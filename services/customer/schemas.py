"""The JSON that orders and returns of all kinds share; requests are checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class TimelineEntrySchema(Schema):
    state = fields.String()
    at = fields.Function(lambda entry: rfc3339(entry.at))


class ProductItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = fields.Function(lambda item: item.price.to_dict())


def dump_location(order: Any) -> dict[str, str] | None:
    """The location of a donation or a return; None before one is chosen."""
    return {"id": order.location_id, "name": order.location_name} if order.location_id else None
