"""The OAuth 2 authorization server, by Authlib: code with PKCE, refresh, client credentials (RFC 6749, 7636, 9700).

Tokens are those of `sessions.py`, opaque ones for the client's gateway; RFC 7662 and RFC 7009 tell of them and end
them. Authlib decides, this module keeps and gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import flask
from authlib.common.urls import add_params_to_uri
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter
from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session, unit_of_work
from libs.chassis.settings import settings
from services.auth import oauth_clients, revocations, service_clients, sessions, tokens, trail
from services.auth.models import AuthorizationCode, RefreshToken, Session, User
from services.auth.oauth_clients import RegisteredClient
from services.auth.service_clients import ServiceClient

CODE_SECONDS = 60
CONFIDENTIAL = ["client_secret_basic", "client_secret_post"]
ANY_CLIENT = ["none", *CONFIDENTIAL]


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        session().add(
            AuthorizationCode(
                code_hash=tokens.hash_of(code),
                client_id=request.client.client_id,
                user_id=request.user.id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                code_challenge=request.payload.data["code_challenge"],
                expires_at=clock.now() + timedelta(seconds=CODE_SECONDS),
            )
        )

    def query_authorization_code(self, code: str, client: RegisteredClient) -> _Code | None:
        """An unused code of this client. One that comes a second time ends what it gave (RFC 9700, 4.5)."""
        row = session().get(AuthorizationCode, tokens.hash_of(code), with_for_update=True)
        if row is None or row.client_id != client.client_id or row.expires_at <= clock.now():
            return None
        if row.session_id is None:
            return _Code(row)
        given, user_id = row.session_id, row.user_id
        session().rollback()  # no other transaction is open then
        with unit_of_work():
            if revocations.end_sessions(Session.id == given):
                user = session().get_one(User, user_id)
                trail.record(user, "authorization_code_reused", f"/auth/v1/sessions/{given}")
        return None

    def authenticate_user(self, authorization_code: _Code) -> User | None:
        user = session().get(User, authorization_code.row.user_id)
        return user if user is not None and user.state == "active" else None

    def generate_token(self, user: User, scope: str, **_: Any) -> dict[str, Any]:
        opened = sessions.open_for(user, client=self.request.client.row, scope=scope)
        self.request.authorization_code.row.session_id = opened.session.id
        told = {"client_id": opened.session.client_id}
        trail.record(user, "log_in_application", f"/auth/v1/sessions/{opened.session.id}", told)
        return _answer(opened)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """It is kept with its session until it expires, so that a second use is noticed."""


@dataclass(frozen=True)
class _Code:
    """A code as Authlib asks for it."""

    row: AuthorizationCode
    code_challenge_method: str = "S256"

    @property
    def code_challenge(self) -> str:
        return self.row.code_challenge

    def get_redirect_uri(self) -> str:
        return self.row.redirect_uri

    def get_scope(self) -> str:
        return self.row.scope


class _OnlyS256(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]


class _RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT

    def authenticate_refresh_token(self, refresh_token: str) -> _Token | None:
        return _find_token(refresh_token)

    def authenticate_user(self, refresh_token: _Token) -> User | None:
        return refresh_token.session.user

    def generate_token(self, **_: Any) -> dict[str, Any]:
        client_id = self.request.client.client_id
        try:
            return _answer(sessions.renew(self.request.form["refresh_token"], "customer", client_id))
        except sessions.RefreshTokenNotValid as error:
            raise InvalidGrantError(error.detail) from None

    def revoke_old_credential(self, refresh_token: _Token) -> None:
        """`sessions.renew` did it, and keeps it, so that a second use is noticed."""


class _ServiceAccountGrant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    def validate_requested_scope(self) -> None:
        if self.request.client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError

    def generate_token(self, **_: Any) -> dict[str, Any]:
        client: RegisteredClient = self.request.client
        scope = client.get_allowed_scope(self.request.payload.scope) or ""
        opened = sessions.open_for_client(client.row, scope)
        trail.record_client(client.client_id, "log_in_service_account")
        return _answer(opened)


def _answer(opened: sessions.Tokens) -> dict[str, Any]:
    """The token response (RFC 6749, 5.1)."""
    answer = {"access_token": opened.access_token, "token_type": "Bearer", "expires_in": opened.expires_in}
    more = {"refresh_token": opened.refresh_token} if opened.refresh_token else {}
    return answer | {"scope": opened.session.scope or ""} | more


@dataclass(frozen=True)
class _Token:
    """An access or refresh token of a session, as Authlib asks for it."""

    session: Session
    expires_at: Any
    is_usable: bool

    def check_client(self, client: RegisteredClient) -> bool:
        return self.session.client_id == client.client_id

    def get_scope(self) -> str:
        return self.session.scope or ""

    def is_expired(self) -> bool:
        return bool(self.expires_at <= clock.now())

    def is_revoked(self) -> bool:
        return not self.is_usable


def _find_token(text: str) -> _Token | None:
    """What a token belongs to, whatever state it is in."""
    token_hash = tokens.hash_of(text)
    if text.startswith(tokens.REFRESH_PREFIX):
        kept = session().get(RefreshToken, token_hash)
        found = session().get(Session, kept.session_id) if kept else None
        if kept is None or found is None:
            return None
        return _Token(found, kept.expires_at, kept.used_at is None and sessions.is_open(found))
    found = session().scalar(select(Session).where(Session.token_hash == token_hash))
    return _Token(found, found.access_expires_at, sessions.is_live(found)) if found else None


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = CONFIDENTIAL

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Token | None:
        return _find_token(token_string)

    def check_permission(self, token: _Token, client: RegisteredClient | ServiceClient, request: Any) -> bool:
        """A client learns of its own tokens only, our services of all."""
        return isinstance(client, ServiceClient) or token.check_client(client)

    def introspect_token(self, token: _Token) -> dict[str, Any]:
        found = token.session
        told = {
            "active": True,
            "scope": " ".join(sessions.scopes_of(found)),
            "token_type": "Bearer",
            "exp": int(token.expires_at.timestamp()),
            "iat": int(found.created_at.timestamp()),
            "sub": found.user_id or found.client_id,
            "iss": settings().jwt_issuer,
            "sid": found.id,
        }
        return told | ({"client_id": found.client_id} if found.client_id else {})


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = ANY_CLIENT

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Token | None:
        return _find_token(token_string)

    def revoke_token(self, token: _Token, request: Any) -> None:
        ended = token.session
        if not revocations.end_sessions(Session.id == ended.id):
            return
        if ended.user is None:
            trail.record_client(str(ended.client_id), "revoke_token")
        else:
            trail.record(ended.user, "revoke_token", f"/auth/v1/sessions/{ended.id}")


class _Issuer(IssuerParameter):  # type: ignore[misc]
    def get_issuer(self) -> str:
        return settings().jwt_issuer


class _Server(AuthorizationServer):  # type: ignore[misc]
    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """What was made already, or the request that Flask handles."""
        return request if isinstance(request, OAuth2Request) else super().create_oauth2_request(None)

    def save_token(self, token: Any, request: Any) -> None:
        """Sessions are rows already."""


@lru_cache(maxsize=1)
def _server() -> _Server:
    server = _Server(query_client=oauth_clients.find)
    server.register_grant(_CodeGrant, [_OnlyS256(required=True)])
    server.register_grant(_RefreshGrant)
    server.register_grant(_ServiceAccountGrant)
    server.register_endpoint(_Revocation)
    server.register_extension(_Issuer())
    return server


@lru_cache(maxsize=1)
def _introspection_server() -> _Server:
    """Its clients are our own services too."""
    server = _Server(
        query_client=lambda client_id: oauth_clients.find(client_id) or service_clients.find(client_id)
    )
    server.register_endpoint(_Introspection)
    return server


def token_response() -> flask.Response:
    """Answer the token request that Flask handles."""
    answer: flask.Response = _server().create_token_response()
    return answer


def introspection_response() -> flask.Response:
    answer: flask.Response = _introspection_server().create_endpoint_response("introspection")
    return answer


def revocation_response() -> flask.Response:
    answer: flask.Response = _server().create_endpoint_response("revocation")
    return answer


def refuse_wrong_request(parameters: Mapping[str, str]) -> str | None:
    """Where the browser is sent with the error of a wrong authorization request; None when it is right.

    OAuth2Error when it must not be sent anywhere: the client or its redirect URI is wrong (RFC 6749, 4.1.2.1).
    """
    try:
        _server().get_consent_grant(_request_of(parameters))
    except OAuth2Error as error:
        if not error.redirect_uri:
            raise
        location = _server().handle_error_response(_request_of(parameters), error).location
        return str(add_params_to_uri(location, [("iss", settings().jwt_issuer)]))  # errors say it too (RFC 9207, 2)
    return None


def authorize(parameters: Mapping[str, str], user: User | None) -> str:
    """Where the browser goes next: with a code for `user`, or with an error when they did not agree (None).

    OAuth2Error as for `refuse_wrong_request`.
    """
    with_error = refuse_wrong_request(parameters)
    if with_error is not None:
        return with_error
    request = _request_of(parameters)
    grant = _server().get_consent_grant(request, end_user=user)
    location: str = _server().create_authorization_response(request, grant_user=user, grant=grant).location
    if user is not None:
        agreed = {"scopes": sorted((request.scope or "").split())}
        trail.record(user, "authorize_application", f"/auth/v1/oauth-clients/{request.client.client_id}", agreed)
    return location


def _request_of(parameters: Mapping[str, str]) -> OAuth2Request:
    request = OAuth2Request("GET", f"{settings().jwt_issuer}/auth/v1/oauth/authorize", headers={})
    request.payload = BasicOAuth2Payload(dict(parameters))
    return request
