"""The locker service in this process, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.locker.support import Client, Site, create_client, create_site
from tests.support.harness import Harness, running


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("locker")


@pytest.fixture
def locker(database_url: str) -> Iterator[Harness]:
    with running("locker", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        yield harness


@pytest.fixture
def site(locker: Harness) -> Site:
    return create_site(locker)


@pytest.fixture
def ines(locker: Harness) -> Client:
    return create_client(locker, "ines")


@pytest.fixture
def paulo(locker: Harness) -> Client:
    return create_client(locker, "paulo", "internal")
