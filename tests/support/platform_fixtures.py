"""Fixtures of all layers that need a whole platform: acceptance, security, attacks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import servers
from tests.support.layers import WAITED
from tests.support.platform import QUICK_PASSWORDS, RunningPlatform, locked, running
from tests.support.shared_platform import shared_platform
from tools.local_platform.layout import Layout
from tools.project import SERVICES


@pytest.fixture(scope="session")
def platform(
    request: pytest.FixtureRequest, stack: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPlatform]:
    """A platform with two web processes a service, shared by all tests of a run.

    On the embedded stack with the embedded stores; on the servers with MariaDB, Redis, and the firewall in front.
    """

    def start(run_dir: Path) -> AbstractContextManager[RunningPlatform]:
        layout = replace(Layout(run_dir), web_workers=2).on_free_ports()
        return running(_on_servers(request, layout) if stack == "servers" else layout, QUICK_PASSWORDS)

    with shared_platform(_folder_of_the_run(request, tmp_path_factory) / f"platform-{stack}", start) as shared:
        yield shared


def _folder_of_the_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


def _on_servers(request: pytest.FixtureRequest, layout: Layout) -> Layout:
    mariadb: str = request.getfixturevalue("mariadb_server")
    for service in SERVICES:
        servers.make_database(mariadb, f"platform_{service}")
    template = mariadb + "/platform_{service}"
    redis_url: str = request.getfixturevalue("redis_server")
    return replace(layout, database_url_template=template, redis_url=redis_url, waf=servers.have_waf())


@pytest.fixture(autouse=True)
def undisturbed(
    request: pytest.FixtureRequest, stack: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Run a test marked `alone` while no other worker runs a test on a platform."""
    alone = request.node.get_closest_marker("alone") is not None
    folder = _folder_of_the_run(request, tmp_path_factory)
    began = time.monotonic()
    with locked(folder / "undisturbed.lock", alone=alone):
        request.node.user_properties.append((WAITED, time.monotonic() - began))
        yield
