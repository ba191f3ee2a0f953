"""The auth service: authentication of everybody, authorization of internal users, notifications."""

from __future__ import annotations

from typing import Any

from libs.chassis import app as chassis
from libs.chassis import service as services
from services.auth.events import registry
from services.auth.exchange import make_exchange
from services.auth.models import Base
from services.auth.settings import AuthSettings

service = services.Service(
    name="auth",
    settings_class=AuthSettings,
    metadata=Base.metadata,
    events=registry,
    asgi_mounts={"/exchange": make_exchange},
)


def create_app() -> Any:
    return chassis.create_app(services.start_process("auth"))
