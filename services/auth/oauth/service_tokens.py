"""Tokens of our own services: the client credentials grant of Authlib, which issues JWTs."""

from __future__ import annotations

from typing import Any

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from libs.chassis.runtime import per_process
from services.auth.oauth import service_clients
from services.auth.oauth.service_clients import ServiceClient
from services.auth.tokens import jwts


class _ServiceGrant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def validate_requested_scope(self) -> None:
        """Accept a request that is granted in part (RFC 6749, 3.3), but not one that is not granted at all."""
        requested = self.request.payload.scope
        if requested and not self.request.client.get_allowed_scope(requested):
            raise InvalidScopeError


def _generate_token(
    grant_type: str, client: ServiceClient, user: Any = None, scope: str | None = None, **_: Any
) -> dict[str, Any]:
    allowed = client.get_allowed_scope(scope)
    jwt, seconds = jwts.sign(
        subject=client.client_id, kind="service", roles=[], scopes=allowed.split(), client_id=client.client_id
    )
    return {"access_token": jwt, "token_type": "Bearer", "expires_in": seconds, "scope": allowed}


@per_process
def _get_server() -> AuthorizationServer:
    server = AuthorizationServer(query_client=service_clients.find, save_token=lambda _token, _request: None)
    server.register_token_generator("default", _generate_token)
    server.register_grant(_ServiceGrant)
    return server


def respond_to_token_request() -> flask.Response:
    """Respond to the token request that Flask handles."""
    response: flask.Response = _get_server().create_token_response()
    return response
