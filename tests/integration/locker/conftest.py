"""Locker in this process on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.locker.support import Ask, Place, make_place, person
from tests.support.harness import Harness, running


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("locker")


@pytest.fixture
def empty_locker(database_url: str) -> Iterator[Harness]:
    with running("locker", {"RECLOTHES_DATABASE_URL": database_url}) as harness:
        yield harness


@pytest.fixture
def place(empty_locker: Harness) -> Place:
    return make_place(empty_locker)


@pytest.fixture
def ines(empty_locker: Harness) -> Ask:
    return person(empty_locker, "ines")


@pytest.fixture
def paulo(empty_locker: Harness) -> Ask:
    return person(empty_locker, "paulo", "internal")
