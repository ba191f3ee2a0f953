"""A session cache that hangs: the process is stopped, so that it takes connections and answers nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from libs.chassis import cache
from libs.chassis.cache import redis_client
from tests.integration.auth.conftest import variables
from tests.integration.auth.people import People
from tests.support import servers
from tests.support.harness import running


@pytest.fixture
def people(fresh_database: Callable[[str], str], tmp_path: Path) -> Iterator[People]:
    """Ines, logged in at an auth service that has a cache of its own."""
    with (
        servers.redis_protocol(servers.valkey()) as url,
        running("auth", variables(fresh_database("auth"), url, tmp_path)) as auth,
    ):
        verified = People(auth)
        verified.register()
        verified.confirm(verified.link_token())
        yield verified


@contextmanager
def stopped_cache() -> Iterator[None]:
    process_id = int(redis_client().info("server")["process_id"])
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def seconds_of(exchanged: Callable[[], int], expected: int) -> float:
    began = time.monotonic()
    assert exchanged() == expected
    return time.monotonic() - began


def test_a_cache_that_hangs_is_bypassed_like_one_that_refuses(people: People) -> None:
    token = people.log_in().json()["access_token"]
    assert people.swap(token).status_code == 200
    with stopped_cache():
        first = [seconds_of(lambda: people.swap(token).status_code, 200) for _ in range(2)]
        later = [seconds_of(lambda: people.swap(token).status_code, 200) for _ in range(4)]
        assert people.swap("rco_unknown").status_code == 401
    assert sum(first) < 2.0, "a read and a write, 0.2 s each at most"
    assert sum(later) < 4 * cache.ASYNC_SECONDS, "the circuit is open"


def test_a_session_that_ends_while_the_cache_hangs_is_dead_immediately(people: People) -> None:
    token, other = (people.log_in().json()["access_token"] for _ in range(2))
    assert people.swap(token).status_code == people.swap(other).status_code == 200
    with stopped_cache():
        assert people.log_out(token).status_code == 204
        assert people.swap(token).status_code == 401
        assert people.swap(other).status_code == 200
