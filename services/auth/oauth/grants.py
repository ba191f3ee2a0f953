"""The grants of the authorization server, in Authlib's terms: code with PKCE, refresh, client credentials.

Their tokens are those of our sessions, opaque and valid at the gateway of the client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from services.auth import audit_trail
from services.auth.accounts.tables import User
from services.auth.oauth.clients import RegisteredClient
from services.auth.oauth.tables import AuthorizationCode
from services.auth.sessions import issuing, lookup, refreshing, revocation
from services.auth.sessions.issuing import IssuedTokens
from services.auth.sessions.rules import can_be_refreshed
from services.auth.sessions.tables import RefreshToken, Session
from services.auth.tokens import opaque

CODE_SECONDS = 60
CONFIDENTIAL_CLIENT_METHODS = ["client_secret_basic", "client_secret_post"]
ANY_CLIENT_METHODS = ["none", *CONFIDENTIAL_CLIENT_METHODS]


class S256CodeChallenge(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT_METHODS

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        session().add(
            AuthorizationCode(
                code_hash=opaque.hash_token(code),
                client_id=request.client.client_id,
                user_id=request.user.id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                code_challenge=request.payload.data["code_challenge"],
                expires_at=clock.now() + timedelta(seconds=CODE_SECONDS),
            )
        )

    def query_authorization_code(self, code: str, client: RegisteredClient) -> AuthorizationCode | None:
        """Find an unused code of this client. Reuse of a code revokes its session (RFC 9700, 4.5)."""
        stored = session().get(AuthorizationCode, opaque.hash_token(code), with_for_update=True)
        if stored is None or stored.client_id != client.client_id or stored.expires_at <= clock.now():
            return None
        if stored.session_id is None:
            return stored
        if revocation.revoke_sessions(Session.id == stored.session_id):
            user = session().get_one(User, stored.user_id)
            audit_trail.record(user, "authorization_code_reused", f"/auth/v1/sessions/{stored.session_id}")
        return None

    def authenticate_user(self, authorization_code: AuthorizationCode) -> User | None:
        user = session().get(User, authorization_code.user_id)
        return user if user is not None and user.state == "active" else None

    def generate_token(self, user: User, scope: str, **_: Any) -> dict[str, Any]:
        tokens = issuing.open_session(user, client=self.request.client.row, scope=scope)
        self.request.authorization_code.session_id = tokens.session.id
        after = {"client_id": tokens.session.client_id}
        audit_trail.record(user, "log_in_application", f"/auth/v1/sessions/{tokens.session.id}", after)
        return _render(tokens)

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Keep the code with its session until it expires, so that reuse is detected."""


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> StoredToken | None:
        return find_token(refresh_token)

    def authenticate_user(self, refresh_token: StoredToken) -> User | None:
        return refresh_token.session.user

    def generate_token(self, **_: Any) -> dict[str, Any]:
        client_id = self.request.client.client_id
        try:
            return _render(refreshing.refresh(self.request.form["refresh_token"], "customer", client_id))
        except refreshing.RefreshTokenNotValid as error:
            raise InvalidGrantError(error.detail) from None

    def revoke_old_credential(self, refresh_token: StoredToken) -> None:
        """Do nothing: `refreshing.refresh` has marked the token as used."""


class ServiceAccountGrant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL_CLIENT_METHODS

    def validate_requested_scope(self) -> None:
        if self.request.client.get_allowed_scope(self.request.payload.scope) is None:
            raise InvalidScopeError

    def generate_token(self, **_: Any) -> dict[str, Any]:
        client: RegisteredClient = self.request.client
        scope = client.get_allowed_scope(self.request.payload.scope) or ""
        tokens = issuing.open_service_account_session(client.row, scope)
        audit_trail.record_client(client.client_id, "log_in_service_account")
        return _render(tokens)


def _render(tokens: IssuedTokens) -> dict[str, Any]:
    """Return the token response (RFC 6749, 5.1)."""
    response: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "scope": tokens.session.scope or "",
    }
    return response | ({"refresh_token": tokens.refresh_token} if tokens.refresh_token else {})


@dataclass(frozen=True)
class StoredToken:
    """An access or refresh token of a session with the interface that Authlib needs."""

    session: Session
    expires_at: datetime
    is_usable: bool

    def check_client(self, client: RegisteredClient) -> bool:
        return self.session.client_id == client.client_id

    def get_scope(self) -> str:
        return self.session.scope or ""

    def is_expired(self) -> bool:
        return self.expires_at <= clock.now()

    def is_revoked(self) -> bool:
        return not self.is_usable


def find_token(token: str) -> StoredToken | None:
    """Find an access or refresh token in any state."""
    token_hash = opaque.hash_token(token)
    if not token.startswith(opaque.REFRESH_PREFIX):
        auth_session = session().scalar(select(Session).where(Session.token_hash == token_hash))
        if auth_session is None:
            return None
        return StoredToken(auth_session, auth_session.access_expires_at, lookup.is_active(auth_session))
    refresh_token = session().get(RefreshToken, token_hash)
    if refresh_token is None:
        return None
    auth_session = session().get_one(Session, refresh_token.session_id)
    is_usable = refresh_token.used_at is None and can_be_refreshed(auth_session, clock.now())
    return StoredToken(auth_session, refresh_token.expires_at, is_usable)
