"""The JSON of payment discrepancies in responses."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class PaymentDiscrepancySchema(Schema):
    id = fields.String()
    kind = fields.String()
    state = fields.String()
    subject = fields.String()
    payment_id = fields.String(allow_none=True)
    detail = fields.String()
    found_at = fields.Function(lambda discrepancy: rfc3339(discrepancy.found_at))
    resolved_at = fields.Function(lambda discrepancy: rfc3339(discrepancy.resolved_at))
    closed_at = fields.Function(lambda discrepancy: rfc3339(discrepancy.closed_at))
    closed_by = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
