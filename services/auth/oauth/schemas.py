"""An OAuth client as managers see it."""

from __future__ import annotations

from marshmallow import Schema, fields

from services.auth.schema_fields import Timestamp


class OAuthClientSchema(Schema):
    client_id = fields.String(attribute="id")
    name = fields.String()
    kind = fields.String()
    gateway = fields.String()
    grant = fields.String()
    redirect_uris = fields.List(fields.String())
    scopes = fields.List(fields.String())
    has_secret = fields.Function(lambda client: client.secret_hash is not None)
    created_at = Timestamp()
