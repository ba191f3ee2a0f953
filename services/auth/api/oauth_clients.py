"""OAuth clients, for managers."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from services.auth import oauth_clients
from services.auth.models import OAuthClient
from services.auth.schemas import OAuthClientSchema


def list_oauth_clients(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        oauth_clients.listed(),
        order_by=[(OAuthClient.created_at, "desc"), (OAuthClient.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=OAuthClientSchema().dump,
    )


def create_oauth_client(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    made = oauth_clients.create(
        stable_id("cli"),
        name=body["name"],
        kind=body["kind"],
        gateway=body["gateway"],
        grant=body["grant"],
        redirect_uris=body.get("redirect_uris", []),
        scope_names=body["scopes"],
    )
    return OAuthClientSchema().dump(made), 201, {"Location": f"/auth/v1/oauth-clients/{made.id}"}


def get_oauth_client(client_id: str) -> dict[str, Any]:
    client: dict[str, Any] = OAuthClientSchema().dump(oauth_clients.read(client_id))
    return client


def renew_oauth_client_secret(client_id: str) -> dict[str, str]:
    return {"client_id": client_id, "client_secret": oauth_clients.renew_secret(client_id)}


def remove_oauth_client(client_id: str) -> tuple[None, int]:
    oauth_clients.remove(client_id)
    return None, 204
