"""Fixtures for all tests: real stores by name, and the record of which stories passed."""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import hypothesis
import pytest
import structlog

from tests.support import databases, servers
from tests.support.layers import TimeReport, layer_of
from tests.support.scheduling import Scheduling, longest_first

ROOT = Path(__file__).resolve().parents[1]
# A deadline for one example would fail a run on a busy machine; --timeout bounds the whole test.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")
RESULTS = ROOT / ".run" / "test-results.json"
Stack = Literal["embedded", "servers"]
_stories: dict[str, dict[str, list[str]]] = {"passed": defaultdict(list), "failed": defaultdict(list)}
_figures: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    _log_plain_tracebacks()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TimeReport(is_full=config.option.markexpr == "full"))


def _log_plain_tracebacks() -> None:
    """Without the drawn tracebacks of structlog's default, which take seconds each."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that needs `stack` on the embedded stores and, if it is marked so, on MariaDB and Redis."""
    if "stack" not in metafunc.fixturenames:
        return
    layer, marker = layer_of(metafunc.definition.nodeid), metafunc.definition.get_closest_marker("real_servers")
    only = (layer is not None and layer.full) or (marker is not None and marker.kwargs.get("only", False))
    stacks: list[Any] = [] if only else ["embedded"]
    if only or marker is not None:
        stacks.append(pytest.param("servers", marks=pytest.mark.full))
    metafunc.parametrize("stack", stacks, scope="session")


@pytest.hookimpl(tryfirst=True)  # before -m deselects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        layer = layer_of(item.nodeid)
        if layer is not None and layer.full:
            item.add_marker(pytest.mark.full)
    longest_first(items)


@pytest.fixture(autouse=True)
def _its_stories(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    for mark in request.node.iter_markers("story"):
        record_property("story", mark.args[0])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what tests recorded: their stories, and figures, which are summed by name over all workers."""
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
    """Keep what `make stories` prints. `make test` runs every story, `make test-full` only some of them again."""
    config = session.config
    if any(_stories.values()) and not hasattr(config, "workerinput") and config.option.markexpr != "full":
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"stories": _stories}, indent=1))


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Which stores a test runs on: "embedded" (SQLite, Valkey) or "servers" (MariaDB, Redis)."""
    raise AssertionError("parametrised by pytest_generate_tests")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    with servers.mariadb() as url:
        yield url


@pytest.fixture
def fresh_database(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> Callable[[str], str]:
    """Make a database of a service from its migrated template; returns the URL."""

    def make(service: str) -> str:
        if stack == "embedded":
            return databases.fresh_sqlite(service, tmp_path / f"{service}.db")
        return databases.fresh_mariadb(service, request.getfixturevalue("mariadb_server"))

    return make


@pytest.fixture
def empty_database_url(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> str:
    """A database without any table, for tests of migrations."""
    if stack == "embedded":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return servers.make_database(request.getfixturevalue("mariadb_server"), f"test_{uuid.uuid4().hex[:16]}")


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    with servers.redis_protocol(servers.valkey()) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with servers.redis_protocol(servers.need("redis-server", "redis-server")) as url:
        yield url


@pytest.fixture
def redis_url(request: pytest.FixtureRequest, stack: Stack) -> str:
    """A cache: Valkey on the embedded stack, Redis on the servers."""
    url: str = request.getfixturevalue("valkey_server" if stack == "embedded" else "redis_server")
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
