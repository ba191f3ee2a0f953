"""Settings with the URLs of peers; the tests need no servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.chassis import settings
from libs.chassis.runtime import new_runtime
from libs.chassis.settings import ServiceSettings

ENVIRONMENT = {
    "RECLOTHES_ENVIRONMENT": "test",
    "RECLOTHES_REDIS_URL": "redis://127.0.0.1:9/0",
    "RECLOTHES_JWT_ISSUER": "https://auth.test",
    "RECLOTHES_JWKS_URL": "https://auth.test/jwks",
    "RECLOTHES_RESOURCE_PREFIX": "unit",
    "RECLOTHES_PEER_AUTH_URL": "https://auth.test",
    "RECLOTHES_PEER_LOCKER_URL": "https://locker.test/",
    "RECLOTHES_CLIENT_ID": "customer",
    "RECLOTHES_CLIENT_SECRET": "secret",
}


@pytest.fixture(autouse=True)
def chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ServiceSettings]:
    """A process that has read its settings, with a database file of its own."""
    variables = ENVIRONMENT | {"RECLOTHES_DATABASE_URL": f"sqlite:///{tmp_path / 'unit.db'}"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with new_runtime():
        settings.use_settings(ServiceSettings.from_environment())
        yield settings.settings()
