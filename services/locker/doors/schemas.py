"""Openings and door rights as JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class OpeningSchema(Schema):
    grant_id = fields.String(attribute="grant.id")
    order_id = fields.String(attribute="right.order_id")
    purpose = fields.String(attribute="right.purpose")
    box_id = fields.String(attribute="box.id")
    box_label = fields.String(attribute="box.label")
    expires_at = fields.Function(lambda opening: rfc3339(opening.grant.expires_at))


class DoorRightSchema(Schema):
    id = fields.String()
    purpose = fields.String()
    state = fields.String()
    order_id = fields.String()
    location_id = fields.String()
    box_id = fields.String()
    valid_until = fields.Function(lambda right: rfc3339(right.valid_until))
