"""A small service of notes in this process, with its own database for each test."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from libs.chassis import app, db, security, settings
from libs.chassis.contract_resolver import ContractResolver
from libs.chassis.events import EventRegistry
from libs.chassis.runtime import new_runtime
from libs.chassis.service import Service, use_service
from libs.chassis.settings import ServiceSettings
from libs.chassis.tables import ChassisBase, OutboxRow
from tests.integration.chassis import notes_api
from tests.support.harness import ISSUER, KEY, token, user_id

CONTRACT = Path(__file__).parent / "contract"


@contextmanager
def running_process(registry: EventRegistry, **variables: str) -> Iterator[Service]:
    """Run this process as one of a service, with the tables of the chassis and of the notes."""
    environment = {
        "RECLOTHES_ENVIRONMENT": "test",
        "RECLOTHES_RESOURCE_PREFIX": f"t{uuid.uuid4().hex[:8]}",
        "RECLOTHES_REDIS_URL": "redis://127.0.0.1:9/0",
        "RECLOTHES_JWT_ISSUER": ISSUER,
        "RECLOTHES_JWKS_URL": f"{ISSUER}/jwks",
        "RECLOTHES_CONTRACTS_DIR": str(CONTRACT),
        "RECLOTHES_CLIENT_ID": "notes",
        "RECLOTHES_CLIENT_SECRET": "secret",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with new_runtime(), pytest.MonkeyPatch.context() as patch:
        for name, value in (environment | variables).items():
            patch.setenv(name, value)
        settings.use_settings(ServiceSettings.from_environment())
        service = Service("notes", ServiceSettings, notes_api.Base.metadata, registry)
        use_service(service)
        for metadata in (ChassisBase.metadata, notes_api.Base.metadata):
            metadata.create_all(db.engine())
        yield service
        db.engine().dispose()


class Notes:
    """The service as its clients see it."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def send(
        self, method: str, path: str, *, scopes: str = "notes:write", kind: str = "customer", **more: Any
    ) -> Any:
        headers = {"Authorization": f"Bearer {token(user_id('ana'), scopes, kind)}"} | more.pop("headers", {})
        return self.client.request(method, f"/notes/v1{path}", headers=headers, **more)

    def create(self, title: str, key: str, text: str | None = None, **more: Any) -> Any:
        body = {"title": title, "text": text}
        return self.send("POST", "/notes", json=body, headers={"Idempotency-Key": key}, **more)

    def titles(self) -> list[str]:
        items = self.client.get("/notes/v1/notes?limit=100").json()["items"]
        return [item["title"] for item in items]

    def outbox(self) -> list[dict[str, Any]]:
        with db.unit_of_work(reads_only=True) as session:
            return [json.loads(row.body) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]


@contextmanager
def running_notes(database_url: str, **variables: str) -> Iterator[Notes]:
    with (
        running_process(notes_api.registry, RECLOTHES_DATABASE_URL=database_url, **variables) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(ContractResolver, "require_operations", lambda *_: None)
        security.use_keys({"test": KEY})
        notes_api.made.clear()
        with TestClient(app.create_app(service), raise_server_exceptions=False) as client:
            yield Notes(client)


@pytest.fixture
def notes(empty_database_url: str) -> Iterator[Notes]:
    with running_notes(empty_database_url) as running:
        yield running


@pytest.fixture
def quick_notes(tmp_path: Path) -> Iterator[Notes]:
    """On SQLite only, where the kind of database does not matter."""
    with running_notes(f"sqlite:///{tmp_path / 'quick.db'}") as running:
        yield running


@pytest.fixture
def process(tmp_path: Path) -> Iterator[None]:
    """This process as one of the service's, on SQLite, without its application."""
    with running_process(notes_api.registry, RECLOTHES_DATABASE_URL=f"sqlite:///{tmp_path / 'process.db'}"):
        yield
