"""Registered OAuth clients: applications that act for customers, and service accounts. Managers register them."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from authlib.oauth2.rfc6749 import ClientMixin
from sqlalchemy import Select, select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.auth.oauth.rules import is_safe_redirect_uri, redirect_uri_matches
from services.auth.oauth.tables import OAuthClient
from services.auth.roles.permissions import require_holdable
from services.auth.sessions import revocation
from services.auth.sessions.tables import Session
from services.auth.tokens import opaque


class PublicClient(Conflict):
    slug, title = "public-client", "A public client has no secret"


class RegisteredClient(ClientMixin):  # type: ignore[misc]
    """A row of `oauth_clients` with the interface that Authlib needs."""

    def __init__(self, row: OAuthClient) -> None:
        self.row = row
        self.client_id = row.id

    def get_client_id(self) -> str:
        return self.row.id

    def get_default_redirect_uri(self) -> None:
        return None  # requests must always name it (RFC 9700, 2.1)

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the requested scopes, all scopes when none are requested, or None when one is not registered."""
        requested = set(scope.split()) if scope else set(self.row.scopes)
        return " ".join(sorted(requested)) if requested <= set(self.row.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(redirect_uri_matches(registered, redirect_uri) for registered in self.row.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self.row.secret_hash or "", opaque.hash_token(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if self.row.kind == "public":
            return method == "none" and endpoint != "introspection"
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.row.grant == "authorization_code"

    def check_grant_type(self, grant_type: str) -> bool:
        can_refresh = grant_type == "refresh_token" and self.row.grant == "authorization_code"
        return grant_type == self.row.grant or can_refresh


def find(client_id: str) -> RegisteredClient | None:
    """Find a client that is not removed, for Authlib."""
    row = session().get(OAuthClient, client_id)
    return RegisteredClient(row) if row is not None and row.removed_at is None else None


def select_clients() -> Select[OAuthClient]:
    """Select the clients that are not removed."""
    return select(OAuthClient).where(OAuthClient.removed_at.is_(None))


def get(client_id: str, *, for_update: bool = False) -> OAuthClient:
    """Get a client that is not removed; NotFound for any other."""
    client = session().get(OAuthClient, client_id, with_for_update=for_update)
    if client is None or client.removed_at is not None:
        raise NotFound
    return client


def create(
    client_id: str,
    *,
    name: str,
    kind: str,
    gateway: str,
    grant: str,
    redirect_uris: Iterable[str],
    scope_names: Iterable[str],
) -> OAuthClient:
    """Register a client, which has no secret yet; Unprocessable for values that do not fit together."""
    uris, names = list(redirect_uris), sorted(set(scope_names))
    is_application = grant == "authorization_code"
    _require_consistent(is_application, kind, gateway, uris)
    require_holdable(names, "application" if is_application else "machine", "/scopes")
    client = OAuthClient(
        id=client_id,
        name=name,
        kind=kind,
        gateway=gateway,
        grant=grant,
        redirect_uris=uris,
        scopes=names,
        created_at=clock.now(),
    )
    session().add(client)
    after = {"name": name, "scopes": names}
    audit.record("create_oauth_client", f"/auth/v1/oauth-clients/{client.id}", after=after)
    return client


def _require_consistent(is_application: bool, kind: str, gateway: str, redirect_uris: list[str]) -> None:
    if is_application:
        _require(gateway == "external", "/gateway", "an application acts for customers: use external")
        _require(bool(redirect_uris), "/redirect_uris", "an application needs at least one")
    else:
        _require(kind == "confidential", "/kind", "a service account must be confidential")
        _require(not redirect_uris, "/redirect_uris", "a service account has none")
    for position, uri in enumerate(redirect_uris):
        detail = "use https, or http on a loopback address, without a fragment"
        _require(is_safe_redirect_uri(uri), f"/redirect_uris/{position}", detail)


def _require(condition: bool, pointer: str, detail: str) -> None:
    if not condition:
        raise Unprocessable(detail, errors=[{"pointer": pointer, "detail": detail}])


def renew_secret(client_id: str) -> str:
    """Return a new secret, which is shown only once, and void the old one; PublicClient for a public client."""
    client = get(client_id, for_update=True)
    if client.kind == "public":
        raise PublicClient("it authenticates with PKCE")
    secret = opaque.new_token(opaque.SECRET_PREFIX)
    client.secret_hash = opaque.hash_token(secret)
    audit.record("renew_oauth_client_secret", f"/auth/v1/oauth-clients/{client_id}")
    return secret


def remove(client_id: str) -> None:
    """Remove a client and revoke its sessions."""
    client = get(client_id, for_update=True)
    client.removed_at = clock.now()
    revocation.revoke_sessions(Session.client_id == client_id)
    audit.record("remove_oauth_client", f"/auth/v1/oauth-clients/{client_id}")
