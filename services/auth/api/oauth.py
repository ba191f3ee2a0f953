"""OAuth 2: tokens for services, applications and service accounts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import flask
from authlib.oauth2.rfc6749.errors import OAuth2Error

from libs.chassis.db import session
from libs.chassis.problems import BadRequest, Problem, Unauthenticated
from libs.chassis.security import principal
from libs.chassis.settings import settings
from services.auth import oauth, oauth_clients, scopes, service_tokens
from services.auth.models import User
from services.auth.schemas import PermissionSchema
from services.auth.settings import auth_settings

NOT_STORED = {"Cache-Control": "no-store"}  # RFC 6749, 5.1


class _WrongClient(Unauthenticated):
    slug, title = "invalid-client", "The client's id or secret is wrong"


def issue_token(body: dict[str, Any]) -> flask.Response:
    return _checked(service_tokens.token_response())


def create_oauth_token(body: dict[str, Any]) -> flask.Response:
    return _checked(oauth.token_response())


def introspect_token(body: dict[str, Any]) -> flask.Response:
    return _checked(oauth.introspection_response())


def revoke_token(body: dict[str, Any]) -> tuple[None, int]:
    _checked(oauth.revocation_response())
    return None, 200


def begin_authorization(**parameters: str) -> tuple[None, int, dict[str, str]]:
    try:
        with_error = oauth.refuse_wrong_request(parameters)
    except OAuth2Error as error:
        raise _wrong_request(error) from None
    page = f"{auth_settings().external_base_url}/authorize?{urlencode(parameters)}"
    return None, 302, NOT_STORED | {"Location": with_error or page}


def authorize_application(body: dict[str, Any]) -> tuple[dict[str, str], int, dict[str, str]]:
    parameters = {name: value for name, value in body.items() if name != "agreed"}
    user = session().get_one(User, principal().subject)
    try:
        redirect_to = oauth.authorize(parameters, user if body["agreed"] else None)
    except OAuth2Error as error:
        raise _wrong_request(error) from None
    return {"redirect_to": redirect_to}, 200, NOT_STORED


def get_application(client_id: str) -> dict[str, Any]:
    client = oauth_clients.read(client_id)
    asked = [scopes.catalogue()[name] for name in client.scopes]
    return {"client_id": client.id, "name": client.name, "scopes": PermissionSchema(many=True).dump(asked)}


def get_authorization_server() -> tuple[dict[str, Any], int, dict[str, str]]:
    base = settings().jwt_issuer
    holders = ("application", "machine")
    metadata = {
        "issuer": base,
        "authorization_endpoint": f"{base}/auth/v1/oauth/authorize",
        "token_endpoint": f"{base}/auth/v1/oauth/tokens",
        "introspection_endpoint": f"{base}/auth/v1/oauth/introspections",
        "revocation_endpoint": f"{base}/auth/v1/oauth/revocations",
        "scopes_supported": [one.name for one in scopes.catalogue().values() if set(one.holders) & set(holders)],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": oauth.ANY_CLIENT,
        "introspection_endpoint_auth_methods_supported": oauth.CONFIDENTIAL,
        "revocation_endpoint_auth_methods_supported": oauth.ANY_CLIENT,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": "https://docs.reclothes.example",
    }
    return metadata, 200, {"Cache-Control": "public, max-age=3600"}


def _checked(answer: flask.Response) -> flask.Response:
    """Authlib's answer; its refusal as a problem, which also takes the unit of work back."""
    if answer.status_code >= 400:
        raise _as_problem(answer.get_json())
    answer.headers.update(NOT_STORED)
    return answer


def _wrong_request(error: OAuth2Error) -> Problem:
    """The browser is sent nowhere: the client or its redirect URI is not known (RFC 6749, 4.1.2.1)."""
    refusal = dict(error.get_body())
    return BadRequest(refusal.get("error_description") or refusal["error"], error=refusal["error"])


def _as_problem(refusal: dict[str, str]) -> Problem:
    """A problem document that keeps the member `error`, which OAuth clients look for."""
    error = refusal["error"]
    if error == "invalid_client":
        return _WrongClient(error=error, headers={"WWW-Authenticate": 'Basic realm="reclothes"'})
    return BadRequest(refusal.get("error_description") or error, error=error)
