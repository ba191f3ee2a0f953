"""Fixtures for all tests: real stores by name, and the record of which stories passed."""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support import servers

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".run" / "test-results.json"
# Folders whose tests share a whole platform or gateways: one worker has all of them.
SHARING = ("tests/attacks", "tests/security", "tests/integration/gateway", "tests/helm", "tests/images")
_stories: dict[str, dict[str, list[str]]] = {"passed": defaultdict(list), "failed": defaultdict(list)}
_figures: Counter[str] = Counter()


class Sharing(LoadScopeScheduling):
    """Which tests belong to one worker when there are several: those of a file, or of what they share."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/acceptance/"):
            return f"acceptance on {'real servers' if 'mariadb-redis-waf' in nodeid else 'the embedded stores'}"
        return next((folder for folder in SHARING if file.startswith(folder + "/")), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    return Sharing(config, log)


@pytest.fixture(autouse=True)
def _its_stories(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    for mark in request.node.iter_markers("story"):
        record_property("story", mark.args[0])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What tests recorded: their stories, and figures, which are summed by name over all workers."""
    if report.when != "call" and report.outcome != "failed":
        return
    for name, value in report.user_properties:
        if name == "story":
            _stories["passed" if report.outcome == "passed" else "failed"][str(value)].append(report.nodeid)
        elif isinstance(value, int):
            _figures[name] += value


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.write_sep("=", "figures")
        for name, value in sorted(_figures.items()):
            terminalreporter.write_line(f"{name}: {value}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what `make stories` prints; a run without stories leaves the last one's."""
    if any(_stories.values()) and not hasattr(session.config, "workerinput"):
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
