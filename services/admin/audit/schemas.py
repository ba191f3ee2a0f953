"""The JSON of audit entries."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


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
