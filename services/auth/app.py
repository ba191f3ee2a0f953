"""The auth service: authentication of all users, authorization of internal users, notifications."""

from __future__ import annotations

from typing import Any

from libs.chassis.service import Service
from services.auth.events import registry
from services.auth.settings import AuthSettings
from services.auth.tables import Base


def make_token_exchange() -> Any:
    """Return the token exchange, which only the web process serves; SettingsError without keys or clients."""
    from services.auth.oauth import service_clients
    from services.auth.tokens.signing_keys import load_signing_keys
    from services.auth.tokens.token_exchange import exchange_token

    load_signing_keys()
    service_clients.check_file()
    return exchange_token


service = Service(
    name="auth",
    settings_class=AuthSettings,
    metadata=Base.metadata,
    events=registry,
    asgi_mounts={"/exchange": make_token_exchange},
)
