"""The auth service: authentication of everybody, authorization of internal users, notifications."""

from __future__ import annotations

from libs.chassis.service import Service
from services.auth.events import registry
from services.auth.exchange import make_exchange
from services.auth.models import Base
from services.auth.settings import AuthSettings

service = Service(
    name="auth",
    settings_class=AuthSettings,
    metadata=Base.metadata,
    events=registry,
    asgi_mounts={"/exchange": make_exchange},
)
