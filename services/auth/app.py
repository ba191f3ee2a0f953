"""The auth service: authentication of everybody, authorization of internal users, notifications."""

from __future__ import annotations

from typing import Any

from libs.chassis.service import Service
from services.auth.events import registry
from services.auth.models import Base
from services.auth.settings import AuthSettings


def make_exchange() -> Any:
    """The exchange of tokens, which only the web process needs; SettingsError when it could not sign or serve."""
    from services.auth import service_clients, signing_keys
    from services.auth.exchange import exchange

    signing_keys.signing_keys()
    service_clients.check()
    return exchange


service = Service(
    name="auth",
    settings_class=AuthSettings,
    metadata=Base.metadata,
    events=registry,
    asgi_mounts={"/exchange": make_exchange},
)
