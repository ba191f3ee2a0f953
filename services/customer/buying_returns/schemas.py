"""The JSON of returns of purchases."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.customer.schemas import ProductItemSchema, TimelineEntrySchema, dump_location


class ReturnedItemSchema(ProductItemSchema):
    result = fields.String(attribute="check_result", allow_none=True)
    reason = fields.String(attribute="check_reason", allow_none=True)


class BuyingReturnSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    buyer_id = fields.String()
    state = fields.String()
    items = fields.List(fields.Nested(ReturnedItemSchema))
    reason = fields.String(allow_none=True)
    price = fields.Function(lambda one: one.price.to_dict())
    refund = fields.Function(lambda one: one.refund.to_dict() if one.refund else None)
    location = fields.Function(dump_location)
    box = fields.Function(lambda one: {"id": one.box_id, "label": one.box_label})
    deposit_until = fields.Function(lambda one: rfc3339(one.deposit_until))
    is_whole_order = fields.Boolean()
    is_force_cancelled = fields.Boolean()
    created_at = fields.Function(lambda one: rfc3339(one.created_at))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))
