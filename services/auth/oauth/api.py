"""OAuth 2: tokens for services, applications and service accounts, and their registration."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import flask
from authlib.oauth2.rfc6749.errors import OAuth2Error

from libs.chassis.db import session
from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.problems import BadRequest, Problem, Unauthenticated
from libs.chassis.security import principal
from libs.chassis.settings import settings
from services.auth.accounts.tables import User
from services.auth.oauth import clients, grants, server, service_tokens
from services.auth.oauth.schemas import OAuthClientSchema
from services.auth.oauth.tables import OAuthClient
from services.auth.roles.permissions import load_catalogue
from services.auth.settings import auth_settings

NO_STORE = {"Cache-Control": "no-store"}  # RFC 6749, 5.1


class _InvalidClient(Unauthenticated):
    slug, title = "invalid-client", "The client's id or secret is wrong"


def issue_token(body: dict[str, Any]) -> flask.Response:
    return _check(service_tokens.respond_to_token_request())


def create_oauth_token(body: dict[str, Any]) -> flask.Response:
    response = server.respond_to_token_request()
    session().commit()  # a session that was revoked because its code or token was reused stays revoked
    return _check(response)


def introspect_token(body: dict[str, Any]) -> flask.Response:
    return _check(server.respond_to_request("introspection"))


def revoke_token(body: dict[str, Any]) -> tuple[None, int]:
    _check(server.respond_to_request("revocation"))
    return None, 200


def begin_authorization(**parameters: str) -> tuple[None, int, dict[str, str]]:
    try:
        error_redirect = server.find_error_redirect(parameters)
    except OAuth2Error as error:
        raise _problem_without_redirect(error) from None
    consent_page = f"{auth_settings().external_base_url}/authorize?{urlencode(parameters)}"
    return None, 302, NO_STORE | {"Location": error_redirect or consent_page}


def authorize_application(body: dict[str, Any]) -> tuple[dict[str, str], int, dict[str, str]]:
    parameters = {name: value for name, value in body.items() if name != "agreed"}
    user = session().get_one(User, principal().subject)
    try:
        redirect_to = server.authorize(parameters, user if body["agreed"] else None)
    except OAuth2Error as error:
        raise _problem_without_redirect(error) from None
    return {"redirect_to": redirect_to}, 200, NO_STORE


def get_application(client_id: str) -> dict[str, Any]:
    client = clients.get(client_id)
    permissions = [asdict(load_catalogue()[name]) for name in client.scopes]
    return {"client_id": client.id, "name": client.name, "scopes": permissions}


def get_authorization_server() -> tuple[dict[str, Any], int, dict[str, str]]:
    base = settings().jwt_issuer
    holders = {"application", "machine"}
    metadata = {
        "issuer": base,
        "authorization_endpoint": f"{base}/auth/v1/oauth/authorize",
        "token_endpoint": f"{base}/auth/v1/oauth/tokens",
        "introspection_endpoint": f"{base}/auth/v1/oauth/introspections",
        "revocation_endpoint": f"{base}/auth/v1/oauth/revocations",
        "scopes_supported": [
            permission.name for permission in load_catalogue().values() if holders & set(permission.holders)
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": grants.ANY_CLIENT_METHODS,
        "introspection_endpoint_auth_methods_supported": grants.CONFIDENTIAL_CLIENT_METHODS,
        "revocation_endpoint_auth_methods_supported": grants.ANY_CLIENT_METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": "https://docs.reclothes.example",
    }
    return metadata, 200, {"Cache-Control": "public, max-age=3600"}


def list_oauth_clients(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        clients.select_clients(),
        order_by=[(OAuthClient.created_at, "desc"), (OAuthClient.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=OAuthClientSchema().dump,
    )


def create_oauth_client(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    client = clients.create(
        stable_id("cli"),
        name=body["name"],
        kind=body["kind"],
        gateway=body["gateway"],
        grant=body["grant"],
        redirect_uris=body.get("redirect_uris", []),
        scope_names=body["scopes"],
    )
    return OAuthClientSchema().dump(client), 201, {"Location": f"/auth/v1/oauth-clients/{client.id}"}


def get_oauth_client(client_id: str) -> dict[str, Any]:
    rendered: dict[str, Any] = OAuthClientSchema().dump(clients.get(client_id))
    return rendered


def renew_oauth_client_secret(client_id: str) -> dict[str, str]:
    return {"client_id": client_id, "client_secret": clients.renew_secret(client_id)}


def remove_oauth_client(client_id: str) -> tuple[None, int]:
    clients.remove(client_id)
    return None, 204


def _check(response: flask.Response) -> flask.Response:
    """Return Authlib's response; raise its errors as problems, which also roll the transaction back."""
    if response.status_code >= 400:
        raise _problem_of(response.get_json())
    response.headers.update(NO_STORE)
    return response


def _problem_without_redirect(error: OAuth2Error) -> Problem:
    """Return a problem for the browser, which is not redirected to an unknown URI (RFC 6749, 4.1.2.1)."""
    body = dict(error.get_body())
    return BadRequest(body.get("error_description") or body["error"], error=body["error"])


def _problem_of(body: dict[str, str]) -> Problem:
    """Return a problem document that keeps the member `error`, which OAuth clients read."""
    error = body["error"]
    if error == "invalid_client":
        return _InvalidClient(error=error, headers={"WWW-Authenticate": 'Basic realm="reclothes"'})
    return BadRequest(body.get("error_description") or error, error=error)
