"""Our own services as OAuth clients: ids, secrets and scopes are in a file (in AWS a mounted secret)."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path

from authlib.oauth2.rfc6749 import ClientMixin

from libs.chassis.runtime import per_process
from libs.chassis.settings import SettingsError
from services.auth.settings import auth_settings


@dataclass(frozen=True)
class ServiceClient(ClientMixin):  # type: ignore[misc]
    """An OAuth client (RFC 6749, 2) that can use the client credentials grant only."""

    client_id: str
    secret: str = field(repr=False)
    scopes: frozenset[str]

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the requested scopes that are allowed; all allowed scopes when none are requested."""
        requested = set(scope.split()) if scope else self.scopes
        return " ".join(sorted(requested & self.scopes))

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint in ("token", "introspection") and method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def check_response_type(self, response_type: str) -> bool:
        return False

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return False

    def get_default_redirect_uri(self) -> None:
        return None


def find(client_id: str) -> ServiceClient | None:
    return _load().get(client_id)


def check_file() -> None:
    """Raise SettingsError, without a secret in it, when the file cannot be read or has another structure."""
    try:
        _load()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        path, reason = auth_settings().service_clients_file, type(error).__name__
        raise SettingsError(f"AUTH_SERVICE_CLIENTS_FILE={path} is not usable: {reason}") from None


def _load() -> dict[str, ServiceClient]:
    """Return the clients by id; a changed file is read again."""
    path = auth_settings().service_clients_file
    return _read(path, path.stat().st_mtime_ns)


@per_process
def _read(path: Path, _modified_at: int) -> dict[str, ServiceClient]:
    return {
        client_id: ServiceClient(client_id, entry["secret"], frozenset(entry["scopes"]))
        for client_id, entry in json.loads(path.read_text()).items()
    }
