"""Boxes and maintenance records as JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class BoxSchema(Schema):
    id = fields.String()
    location_id = fields.String()
    label = fields.String()
    state = fields.String()
    held_for_order_id = fields.String(allow_none=True)
    held_until = fields.Function(lambda box: rfc3339(box.held_until))
    out_of_service_reason = fields.String(allow_none=True)
    deliveryman_id = fields.String(allow_none=True)


class MaintenanceRecordSchema(Schema):
    id = fields.String()
    box_id = fields.String()
    reason = fields.String()
    opened_by = fields.String()
    opened_at = fields.Function(lambda record: rfc3339(record.opened_at))
    closed_by = fields.String(allow_none=True)
    closed_at = fields.Function(lambda record: rfc3339(record.closed_at))
