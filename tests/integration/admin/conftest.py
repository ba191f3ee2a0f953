"""Fixtures: the admin service in this process, and its staff."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from libs.chassis.cache import redis_client
from tests.integration.admin.support import Send, hire, new_id
from tests.support.harness import Harness, running


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("admin")


@pytest.fixture
def admin(database_url: str, redis_url: str) -> Iterator[Harness]:
    with running("admin", {"RECLOTHES_DATABASE_URL": database_url, "RECLOTHES_REDIS_URL": redis_url}) as harness:
        redis_client().flushdb()
        yield harness


@pytest.fixture
def manager(admin: Harness) -> Send:
    scopes = (
        "admin:work-orders:monitor admin:work-orders:write admin:recycling admin:factories:write "
        "admin:employees:read admin:employees:write admin:packages"
    )
    return admin.as_user("marta", scopes, "internal", roles=["manager"])


@pytest.fixture
def rui(admin: Harness) -> Send:
    """A deliveryman."""
    return hire(admin, "rui", "deliveryman")


@pytest.fixture
def eva(admin: Harness) -> Send:
    """An employee."""
    return hire(admin, "eva", "employee")


@pytest.fixture
def donation() -> str:
    return new_id("dor")
