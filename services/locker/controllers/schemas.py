"""What a controller gets, as JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class ControllerBoxSchema(Schema):
    id = fields.String()
    label = fields.String()
    is_occupied = fields.Function(lambda box: box.state == "occupied")


class SignedGrantSchema(Schema):
    """Of a pair: the grant and its signed text."""

    grant_id = fields.Function(lambda pair: pair[0].id)
    box_id = fields.Function(lambda pair: pair[0].box_id)
    text = fields.Function(lambda pair: pair[1])
    expires_at = fields.Function(lambda pair: rfc3339(pair[0].expires_at))
