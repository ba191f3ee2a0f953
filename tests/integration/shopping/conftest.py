"""Shopping in this process on real stores; each test has its own database, collections and queue."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from sqlalchemy import select

from libs.chassis import db, runtime, security, service, settings
from libs.chassis.money import Money
from libs.chassis.tables import OutboxRow
from services.shopping import app
from services.shopping.inventory import staff_actions
from services.shopping.products.rules import Product
from services.shopping.settings import ShoppingSettings
from tools.local_platform import messaging_resources


def id_of(prefix: str, name: str) -> str:
    """An id in the format of real ones, derived from the name."""
    return f"{prefix}_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


MANAGER = security.Principal(id_of("usr", "manager"), "internal", roles=frozenset({"manager"}))
FACTS = {
    "title": "Navy wool coat",
    "description": "Worn for one season.",
    "category": "coats",
    "brand": "Lisboa Lã",
    "colour": "navy",
    "condition": "very_good",
    "sizes": [{"system": "EU", "value": "38"}],
    "attributes": {"material": "wool"},
}


@contextmanager
def running_shopping(**urls: str) -> Iterator[ShoppingSettings]:
    """Configure shopping in this process to use these servers."""
    run = uuid.uuid4().hex[:10]
    with runtime.new_runtime(), pytest.MonkeyPatch.context() as patch:
        environment = {
            "RECLOTHES_ENVIRONMENT": "test",
            "RECLOTHES_RESOURCE_PREFIX": f"test-{run}",
            "RECLOTHES_JWT_ISSUER": "https://auth.test",
            "RECLOTHES_JWKS_URL": "https://auth.test/jwks",
            "RECLOTHES_DATABASE_URL": urls["database_url"],
            "RECLOTHES_REDIS_URL": urls["redis_url"],
            "RECLOTHES_MONGO_URL": f"{urls['mongo_url'].rpartition('/')[0]}/shopping_{run}",
            "RECLOTHES_AWS_ENDPOINT_URL": urls["aws_endpoint"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SHOPPING_PHOTO_BUCKET": f"photos-{run}",
            "SHOPPING_PHOTO_BASE_URL": f"{urls['aws_endpoint']}/photos-{run}",
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        chosen = ShoppingSettings.from_environment()
        settings.use_settings(chosen)
        service.use_service(app.service)
        app.ensure_indexes()
        yield chosen
        db.engine().dispose()


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("shopping")


@pytest.fixture
def shopping(database_url: str, redis_url: str, mongo_url: str, aws_endpoint: str) -> Iterator[ShoppingSettings]:
    own_cache = f"{redis_url.rpartition('/')[0]}/9"
    redis.Redis.from_url(own_cache).flushdb()
    urls = {"database_url": database_url, "redis_url": own_cache}
    with running_shopping(**urls, mongo_url=mongo_url, aws_endpoint=aws_endpoint) as chosen:
        yield chosen


@pytest.fixture
def provisioned(shopping: ShoppingSettings) -> ShoppingSettings:
    """Shopping with its topics and queues too."""
    messaging_resources.create_topology(app.service.events)
    return shopping


@pytest.fixture
def draft() -> Callable[..., Product]:
    """Creates a draft as a manager."""

    def make(**facts: Any) -> Product:
        with security.use_principal(MANAGER), db.unit_of_work():
            return staff_actions.create_draft(f"prd_{uuid.uuid4().hex}", {**FACTS, **facts})

    return make


@pytest.fixture
def published(draft: Callable[..., Product]) -> Callable[..., Product]:
    """Creates a published product with this price (cents)."""

    def make(price: int = 4900, **facts: Any) -> Product:
        product = draft(**facts)
        with security.use_principal(MANAGER), db.unit_of_work():
            return staff_actions.publish(staff_actions.set_price(product, Money(price, "EUR")))

    return make


def outbox(event_type: str) -> list[dict[str, Any]]:
    """The data of the events of this type in the outbox, in their order."""
    with db.unit_of_work(reads_only=True) as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.type == event_type).order_by(OutboxRow.id))
        return [json.loads(row.body)["data"] for row in rows]


@contextmanager
def crash_before_commit() -> Iterator[None]:
    """A unit of work of a process that crashes after writing DocumentDB and before committing the outbox."""
    try:
        with db.unit_of_work():
            yield
            raise InterruptedError
    except InterruptedError:
        pass
