"""OAuth clients: applications that act for customers, and service accounts. Managers register them."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from authlib.oauth2.rfc6749 import ClientMixin
from sqlalchemy import Select, select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.auth import revocations, scopes, tokens
from services.auth.models import OAuthClient, Session

LOOPBACK = ("127.0.0.1", "::1")


class PublicClient(Conflict):
    slug, title = "public-client", "A public client has no secret"


class RegisteredClient(ClientMixin):  # type: ignore[misc]
    """A client of the table, as Authlib asks for it."""

    def __init__(self, row: OAuthClient) -> None:
        self.row = row
        self.client_id = row.id

    def get_client_id(self) -> str:
        return self.row.id

    def get_default_redirect_uri(self) -> None:
        return None  # it always has to be sent (RFC 9700, 2.1)

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What was asked for, or all when nothing was; None when something else was asked for too."""
        asked = set(scope.split()) if scope else set(self.row.scopes)
        return " ".join(sorted(asked)) if asked <= set(self.row.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(redirect_uri_matches(registered, redirect_uri) for registered in self.row.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self.row.secret_hash or "", tokens.hash_of(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if self.row.kind == "public":
            return method == "none" and endpoint != "introspection"
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.row.grant == "authorization_code"

    def check_grant_type(self, grant_type: str) -> bool:
        renews = grant_type == "refresh_token" and self.row.grant == "authorization_code"
        return grant_type == self.row.grant or renews


def find(client_id: str) -> RegisteredClient | None:
    """A client that was not removed."""
    row = session().get(OAuthClient, client_id)
    return RegisteredClient(row) if row is not None and row.removed_at is None else None


def listed() -> Select[OAuthClient]:
    return select(OAuthClient).where(OAuthClient.removed_at.is_(None))


def read(client_id: str, *, for_update: bool = False) -> OAuthClient:
    found = session().get(OAuthClient, client_id, with_for_update=for_update)
    if found is None or found.removed_at is not None:
        raise NotFound
    return found


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
    """A new client without a secret yet; Unprocessable for what does not fit together."""
    uris, names = list(redirect_uris), sorted(set(scope_names))
    is_application = grant == "authorization_code"
    _refuse(is_application and gateway != "external", "/gateway", "an application acts for customers: external")
    _refuse(not is_application and kind == "public", "/kind", "a service account is confidential")
    _refuse(is_application and not uris, "/redirect_uris", "an application needs at least one")
    _refuse(not is_application and bool(uris), "/redirect_uris", "a service account has none")
    for position, uri in enumerate(uris):
        _refuse(
            not is_safe_redirect_uri(uri),
            f"/redirect_uris/{position}",
            "https, or http on a loopback address, no fragment",
        )
    scopes.refuse_unholdable(names, "application" if is_application else "machine", "/scopes")
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
    audit.record(
        "create_oauth_client", f"/auth/v1/oauth-clients/{client.id}", after={"name": name, "scopes": names}
    )
    return client


def _refuse(wrong: bool, pointer: str, detail: str) -> None:
    if wrong:
        raise Unprocessable(detail, errors=[{"pointer": pointer, "detail": detail}])


def is_safe_redirect_uri(uri: str) -> bool:
    """RFC 9700, 2.1: https; RFC 8252, 7.3 and 8.3: a native app may listen on a loopback address, with any port."""
    parts = _parts_of(uri)
    if parts is None or not parts.hostname or parts.fragment or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or _is_loopback(parts)


def redirect_uri_matches(registered: str, requested: str) -> bool:
    """Whether the URIs are equal; the port of a loopback address is chosen at request time (RFC 8252, 7.3)."""
    if registered == requested:
        return True
    known, asked = _parts_of(registered), _parts_of(requested)
    if known is None or asked is None or not (_is_loopback(known) and _is_loopback(asked)):
        return False
    if "#" in requested or "@" in asked.netloc:
        return False
    return (known.hostname, known.path, known.query) == (asked.hostname, asked.path, asked.query)


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _parts_of(uri: str) -> SplitResult | None:
    """None for what is no URI, or has a port that does not exist."""
    try:
        parts = urlsplit(uri)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def renew_secret(client_id: str) -> str:
    """A new secret, told only this once; the old one is void. PublicClient for a client that cannot keep one."""
    client = read(client_id, for_update=True)
    if client.kind == "public":
        raise PublicClient("it proves itself by PKCE")
    secret = tokens.new_token(tokens.SECRET_PREFIX)
    client.secret_hash = tokens.hash_of(secret)
    audit.record("renew_oauth_client_secret", f"/auth/v1/oauth-clients/{client_id}")
    return secret


def remove(client_id: str) -> None:
    """The client is gone, and all its tokens are dead."""
    client = read(client_id, for_update=True)
    client.removed_at = clock.now()
    revocations.end_sessions(Session.client_id == client_id)
    audit.record("remove_oauth_client", f"/auth/v1/oauth-clients/{client_id}")
