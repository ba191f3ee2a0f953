"""The auth service in this process, on SQLite with Valkey or on MariaDB with Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from libs.chassis.cache import redis_client
from tests.integration.auth.auth_api import AuthApi
from tests.support.harness import Harness, running


def create_signing_key(folder: Path) -> Path:
    """Create a key file whose name sorts after those of older keys."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.time_ns()}.pem"
    path.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    return path


def variables(database_url: str, redis_url: str, folder: Path) -> dict[str, str]:
    """Return the environment of an auth service whose files are in `folder`."""
    keys = folder / "keys"
    create_signing_key(keys)
    clients = folder / "clients.json"
    clients.write_text(json.dumps({"customer": {"secret": "s3cret", "scopes": ["shopping:holds"]}}))
    return {
        "RECLOTHES_DATABASE_URL": database_url,
        "RECLOTHES_REDIS_URL": redis_url,
        "AUTH_SIGNING_KEYS_DIR": str(keys),
        "AUTH_SERVICE_CLIENTS_FILE": str(clients),
        "AUTH_EXTERNAL_BASE_URL": "https://www.test",
        "AUTH_INTERNAL_BASE_URL": "https://manage.test",
        "AUTH_SMTP_URL": "smtp://127.0.0.1:9",
        "AUTH_ARGON2_TIME_COST": "1",
        "AUTH_ARGON2_MEMORY_KIB": "1024",
    }


@pytest.fixture
def auth(fresh_database: Callable[[str], str], redis_url: str, tmp_path: Path) -> Iterator[Harness]:
    with running("auth", variables(fresh_database("auth"), redis_url, tmp_path)) as harness:
        redis_client().flushdb()
        yield harness


@pytest.fixture
def api(auth: Harness) -> AuthApi:
    """A client of the service."""
    return AuthApi(auth)


@pytest.fixture
def customer(api: AuthApi) -> AuthApi:
    """The same client, after Inês has registered and verified her address."""
    assert api.register().status_code == 202
    assert api.verify_email(api.link_token()).status_code == 204
    return api


@pytest.fixture
def token(customer: AuthApi) -> str:
    """The access token of Inês."""
    access_token: str = customer.log_in().json()["access_token"]
    return access_token
