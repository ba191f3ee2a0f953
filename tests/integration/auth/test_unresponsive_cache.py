"""A session cache that accepts connections and does not respond, because its process is stopped."""

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
from tests.integration.auth.auth_api import AuthApi
from tests.integration.auth.conftest import variables
from tests.support import servers
from tests.support.harness import running


@pytest.fixture
def api(fresh_database: Callable[[str], str], tmp_path: Path) -> Iterator[AuthApi]:
    """A client of an auth service with a cache of its own, after Inês has registered and verified her address."""
    with (
        servers.redis_protocol(servers.valkey()) as url,
        running("auth", variables(fresh_database("auth"), url, tmp_path)) as auth,
    ):
        customer = AuthApi(auth)
        customer.register()
        customer.verify_email(customer.link_token())
        yield customer


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


def test_an_unresponsive_cache_is_bypassed(api: AuthApi) -> None:
    token = api.log_in().json()["access_token"]
    assert api.exchange(token).status_code == 200
    with stopped_cache():
        first = [seconds_of(lambda: api.exchange(token).status_code, 200) for _ in range(2)]
        later = [seconds_of(lambda: api.exchange(token).status_code, 200) for _ in range(4)]
        assert api.exchange("rco_unknown").status_code == 401
    assert sum(first) < 2.0, "a read and a write, 0.2 s each at most"
    assert sum(later) < 4 * cache.ASYNC_SECONDS, "the circuit is open"


def test_a_session_that_ends_while_the_cache_is_unresponsive_is_rejected_immediately(api: AuthApi) -> None:
    token, other = (api.log_in().json()["access_token"] for _ in range(2))
    assert api.exchange(token).status_code == api.exchange(other).status_code == 200
    with stopped_cache():
        assert api.log_out(token).status_code == 204
        assert api.exchange(token).status_code == 401
        assert api.exchange(other).status_code == 200
