"""Settings of the auth service for unit tests; they need no file, server or database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libs.chassis import settings
from libs.chassis.runtime import new_runtime
from services.auth.settings import AuthSettings

ENVIRONMENT = {
    "RECLOTHES_ENVIRONMENT": "test",
    "RECLOTHES_DATABASE_URL": "sqlite://",
    "RECLOTHES_REDIS_URL": "redis://127.0.0.1:9/0",
    "RECLOTHES_JWT_ISSUER": "https://auth.test",
    "RECLOTHES_JWKS_URL": "https://auth.test/jwks",
    "RECLOTHES_RESOURCE_PREFIX": "unit",
    "AUTH_SIGNING_KEYS_DIR": ".",
    "AUTH_SERVICE_CLIENTS_FILE": ".",
    "AUTH_EXTERNAL_BASE_URL": "https://www.test",
    "AUTH_INTERNAL_BASE_URL": "https://manage.test",
    "AUTH_SMTP_URL": "smtp://127.0.0.1:9",
    "AUTH_ARGON2_TIME_COST": "1",
    "AUTH_ARGON2_MEMORY_KIB": "64",
}


@pytest.fixture(autouse=True)
def auth_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Configure the process as an auth service."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with new_runtime():
        settings.use_settings(AuthSettings.from_environment())
        yield
