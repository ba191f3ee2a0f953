"""The activity log as JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class ActivitySchema(Schema):
    id = fields.String()
    location_id = fields.String()
    box_id = fields.String(allow_none=True)
    kind = fields.String()
    order_id = fields.String(allow_none=True)
    person_id = fields.String(allow_none=True)
    details = fields.Raw()
    at = fields.Function(lambda entry: rfc3339(entry.at))
