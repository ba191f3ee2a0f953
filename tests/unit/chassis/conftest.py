"""Settings for unit tests, which need no servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from libs.chassis import settings
from libs.chassis.runtime import new_runtime
from libs.chassis.settings import ServiceSettings

ENVIRONMENT = {
    "RECLOTHES_ENVIRONMENT": "test",
    "RECLOTHES_DATABASE_URL": "sqlite://",
    "RECLOTHES_REDIS_URL": "redis://127.0.0.1:9/0",
    "RECLOTHES_JWT_ISSUER": "https://auth.test",
    "RECLOTHES_JWKS_URL": "https://auth.test/jwks",
    "RECLOTHES_RESOURCE_PREFIX": "unit",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables that every service needs."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def chosen(environment: pytest.MonkeyPatch) -> Iterator[ServiceSettings]:
    """A process that has read its settings."""
    with new_runtime():
        settings.use_settings(ServiceSettings.from_environment())
        yield settings.settings()
