"""Fixtures for all tests: real stores by name, and the record of which stories passed."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import servers

RESULTS = Path(__file__).resolve().parents[1] / ".run" / "test-results.json"
_stories: dict[str, dict[str, list[str]]] = {"passed": defaultdict(list), "failed": defaultdict(list)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    ended = report.when == "call" or report.outcome == "failed"
    if ended:
        for mark in item.iter_markers("story"):
            outcome = "passed" if report.outcome == "passed" else "failed"
            _stories[outcome][mark.args[0]].append(item.nodeid)
    return report


def pytest_sessionfinish() -> None:
    """Keep what `make stories` prints; a run without stories leaves the last one's."""
    if any(_stories.values()):
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"stories": _stories}, indent=1))


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    with servers.mariadb() as url:
        yield url


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on SQLite and on MariaDB."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    server: str = request.getfixturevalue("mariadb_server")
    return servers.make_database(server, f"test_{uuid.uuid4().hex[:16]}")


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    with servers.redis_protocol(servers.valkey()) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with servers.redis_protocol(servers.need("redis-server", "redis-server")) as url:
        yield url


@pytest.fixture(params=["valkey", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """A cache, on Valkey and on Redis."""
    url: str = request.getfixturevalue(f"{request.param}_server")
    return url


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[str]:
    with servers.secantus() as url:
        yield url


@pytest.fixture
def mongo_url(mongo_server: str) -> str:
    """An empty database of documents."""
    return f"{mongo_server}/test_{uuid.uuid4().hex[:16]}"


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """SQS, SNS and S3."""
    with servers.aws_emulator() as url:
        yield url
