"""Tokens for the services among themselves: OAuth 2 client credentials, by Authlib; they are JWTs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from services.auth import service_clients, tokens
from services.auth.service_clients import ServiceClient


class _ServiceGrant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def validate_requested_scope(self) -> None:
        """Less than what was asked for is given without a word (RFC 6749, 3.3), but not nothing at all."""
        asked = self.request.payload.scope
        if asked and not self.request.client.get_allowed_scope(asked):
            raise InvalidScopeError


def _make_token(
    grant_type: str,
    client: ServiceClient,
    user: Any = None,
    scope: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    allowed = client.get_allowed_scope(scope)
    jwt, seconds = tokens.sign_jwt(
        subject=client.client_id, kind="service", roles=[], scopes=allowed.split(), client_id=client.client_id
    )
    return {"access_token": jwt, "token_type": "Bearer", "expires_in": seconds, "scope": allowed}


@lru_cache(maxsize=1)
def _server() -> AuthorizationServer:
    server = AuthorizationServer(query_client=service_clients.find, save_token=lambda _token, _request: None)
    server.register_token_generator("default", _make_token)
    server.register_grant(_ServiceGrant)
    return server


def token_response() -> flask.Response:
    """Answer the token request that Flask handles."""
    answer: flask.Response = _server().create_token_response()
    return answer
