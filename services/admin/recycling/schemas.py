"""The JSON of recycling factories and handovers."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class FactorySchema(Schema):
    id = fields.String()
    name = fields.String()
    address = fields.String()
    email = fields.String(allow_none=True)
    is_active = fields.Boolean()
    created_at = fields.Function(lambda factory: rfc3339(factory.created_at))
    version = fields.Integer()


class HandoverSchema(Schema):
    id = fields.String()
    factory_id = fields.String()
    factory_name = fields.String()
    package_ids = fields.Function(lambda handover: [package.id for package in handover.packages])
    order_ids = fields.Function(lambda handover: [package.order_id for package in handover.packages])
    note = fields.String(allow_none=True)
    recorded_by = fields.String()
    created_at = fields.Function(lambda handover: rfc3339(handover.created_at))
