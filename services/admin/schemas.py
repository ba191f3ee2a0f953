"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class PackingOrderSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    state = fields.String()
    items = fields.Raw()
    pickup_location_id = fields.String()
    assignee_id = fields.String(allow_none=True)
    tracking_code = fields.String(allow_none=True)
    created_at = fields.Function(lambda packing_order: rfc3339(packing_order.created_at))


class SettingSchema(Schema):
    name = fields.String(attribute="known.name")
    value = fields.Raw()
    default = fields.Raw(attribute="known.default")
    description = fields.String(attribute="known.description")
    updated_at = fields.Function(lambda setting: rfc3339(setting.updated_at))
    updated_by = fields.String(allow_none=True)
    version = fields.Integer()


class AuditEntrySchema(Schema):
    id = fields.String()
    domain = fields.String()
    actor_id = fields.String()
    actor_roles = fields.Raw()
    action = fields.String()
    target = fields.String()
    source_ip = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)
    request_id = fields.String()
    occurred_at = fields.Function(lambda entry: rfc3339(entry.occurred_at))
