"""The JSON of returns of donations."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.customer.schemas import TimelineEntrySchema, dump_location


class DonationReturnSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    donor_id = fields.String()
    state = fields.String()
    location = fields.Function(dump_location)
    created_at = fields.Function(lambda one: rfc3339(one.created_at))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))
