"""The JSON of contacts with buyers."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class ReturnContactSchema(Schema):
    return_id = fields.String()
    contacted_at = fields.Function(lambda contact: rfc3339(contact.contacted_at))
    channel = fields.String()
    note = fields.String(allow_none=True)
    refund = fields.Function(lambda contact: contact.refund.to_dict())
    decided_by = fields.String()
    recorded_at = fields.Function(lambda contact: rfc3339(contact.recorded_at))
