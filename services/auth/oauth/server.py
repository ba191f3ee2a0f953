"""The OAuth 2 authorization server, by Authlib (RFC 6749, 7009, 7636, 7662, 9207, 9700)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter

from libs.chassis.runtime import per_process
from libs.chassis.settings import settings
from services.auth import audit_trail
from services.auth.accounts.tables import User
from services.auth.oauth import clients, grants, service_clients
from services.auth.oauth.clients import RegisteredClient
from services.auth.oauth.grants import StoredToken, find_token
from services.auth.oauth.service_clients import ServiceClient
from services.auth.sessions import lookup, revocation
from services.auth.sessions.tables import Session


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = grants.CONFIDENTIAL_CLIENT_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> StoredToken | None:
        return find_token(token_string)

    def check_permission(self, token: StoredToken, client: RegisteredClient | ServiceClient, request: Any) -> bool:
        """Allow a client to introspect its own tokens only, and our services to introspect all."""
        return isinstance(client, ServiceClient) or token.check_client(client)

    def introspect_token(self, token: StoredToken) -> dict[str, Any]:
        auth_session = token.session
        response = {
            "active": True,
            "scope": " ".join(lookup.find_scopes(auth_session)),
            "token_type": "Bearer",
            "exp": int(token.expires_at.timestamp()),
            "iat": int(auth_session.created_at.timestamp()),
            "sub": auth_session.user_id or auth_session.client_id,
            "iss": settings().jwt_issuer,
            "sid": auth_session.id,
        }
        return response | ({"client_id": auth_session.client_id} if auth_session.client_id else {})


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = grants.ANY_CLIENT_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> StoredToken | None:
        return find_token(token_string)

    def revoke_token(self, token: StoredToken, request: Any) -> None:
        auth_session = token.session
        if not revocation.revoke_sessions(Session.id == auth_session.id):
            return
        if auth_session.user is None:
            audit_trail.record_client(str(auth_session.client_id), "revoke_token")
        else:
            audit_trail.record(auth_session.user, "revoke_token", f"/auth/v1/sessions/{auth_session.id}")


class _Issuer(IssuerParameter):  # type: ignore[misc]
    def get_issuer(self) -> str:
        return settings().jwt_issuer


class _Server(AuthorizationServer):  # type: ignore[misc]
    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """Return a request that is built already, or the one that Flask handles."""
        return request if isinstance(request, OAuth2Request) else super().create_oauth2_request(None)

    def save_token(self, token: Any, request: Any) -> None:
        """Do nothing: the grants have stored the session."""


@per_process
def _get_server() -> _Server:
    server = _Server(query_client=clients.find)
    server.register_grant(grants.CodeGrant, [grants.S256CodeChallenge(required=True)])
    server.register_grant(grants.RefreshGrant)
    server.register_grant(grants.ServiceAccountGrant)
    server.register_endpoint(_Revocation)
    server.register_extension(_Issuer())
    return server


@per_process
def _get_introspection_server() -> _Server:
    """Return the server for introspection, which our own services may call, too."""
    server = _Server(query_client=lambda client_id: clients.find(client_id) or service_clients.find(client_id))
    server.register_endpoint(_Introspection)
    return server


def respond_to_token_request() -> flask.Response:
    """Respond to the token request that Flask handles."""
    response: flask.Response = _get_server().create_token_response()
    return response


def respond_to_request(endpoint: str) -> flask.Response:
    """Respond to an introspection or revocation request that Flask handles."""
    server = _get_introspection_server() if endpoint == "introspection" else _get_server()
    response: flask.Response = server.create_endpoint_response(endpoint)
    return response


def find_error_redirect(parameters: Mapping[str, str]) -> str | None:
    """Return where to redirect the browser when the authorization request is invalid; None when it is valid.

    Raises:
        OAuth2Error: the client or its redirect URI is unknown, so there is no safe redirect (RFC 6749, 4.1.2.1).
    """
    request = _build_request(parameters)
    try:
        _get_server().get_consent_grant(request)
    except OAuth2Error as error:
        if not error.redirect_uri:
            raise
        location = _get_server().handle_error_response(request, error).location
        # RFC 9207, 2: errors must name the issuer, too.
        return str(add_params_to_uri(location, [("iss", settings().jwt_issuer)]))
    return None


def authorize(parameters: Mapping[str, str], user: User | None) -> str:
    """Return where to redirect the browser: with a code for `user`, or with an error when consent is denied (None).

    Raises:
        OAuth2Error: as in `find_error_redirect`.
    """
    error_redirect = find_error_redirect(parameters)
    if error_redirect is not None:
        return error_redirect
    request = _build_request(parameters)
    grant = _get_server().get_consent_grant(request, end_user=user)
    location: str = _get_server().create_authorization_response(request, grant_user=user, grant=grant).location
    if user is not None:
        after = {"scopes": sorted((request.scope or "").split())}
        audit_trail.record(
            user, "authorize_application", f"/auth/v1/oauth-clients/{request.client.client_id}", after
        )
    return location


def _build_request(parameters: Mapping[str, str]) -> OAuth2Request:
    request = OAuth2Request("GET", f"{settings().jwt_issuer}/auth/v1/oauth/authorize", headers={})
    request.payload = BasicOAuth2Payload(dict(parameters))
    return request
