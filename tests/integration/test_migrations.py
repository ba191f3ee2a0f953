"""Every service's migrations, up and down on both databases: they make the tables that the models describe."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect, pool

from libs.chassis.migrations import migrate
from libs.chassis.service import NAMES, load_service
from libs.chassis.settings import ROOT
from libs.chassis.tables import ChassisBase
from tests.support import servers

FIRST_TABLES = {
    "outbox": {
        *("id", "event_id", "type", "subject", "version", "body"),
        *("created_at", "published_at", "attempts", "last_error"),
    },
    "inbox": {"event_id", "handler", "handled_at"},
    "idempotency": {
        *("principal", "operation", "key", "request_hash", "seed", "status", "headers", "body"),
        *("created_at", "locked_until"),
    },
}


def tables(database_url: str) -> set[str]:
    engine = create_engine(database_url, poolclass=pool.NullPool)
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def differences(database_url: str, *described: MetaData) -> list[object]:
    together = MetaData()
    for metadata in described:
        for table in metadata.tables.values():
            table.to_metadata(together)
    engine = create_engine(database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        found: list[object] = compare_metadata(MigrationContext.configure(connection), together)
    return found


@pytest.mark.real_servers
@pytest.mark.parametrize("name", NAMES)
def test_migrations_make_what_the_models_describe_and_take_it_back(name: str, empty_database_url: str) -> None:
    migrate(name, empty_database_url)
    made = tables(empty_database_url)
    described = load_service(name).metadata
    assert made >= set(described.tables) | set(ChassisBase.metadata.tables)
    assert differences(empty_database_url, described, ChassisBase.metadata) == []
    migrate(name, empty_database_url, "base")
    assert tables(empty_database_url) == set()
    migrate(name, empty_database_url)
    assert tables(empty_database_url) == made


def test_the_first_revision_does_not_follow_later_changes_of_the_chassis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What old databases went through stays as it was, whatever the models say by then."""
    monkeypatch.setattr(ChassisBase, "metadata", MetaData())
    url = f"sqlite:///{tmp_path / 'old.db'}"
    migrate("billing", url, "0001")
    made = inspect(create_engine(url, poolclass=pool.NullPool))
    assert {name: {column["name"] for column in made.get_columns(name)} for name in FIRST_TABLES} == FIRST_TABLES


@pytest.mark.full
def test_two_migrations_at_once_are_one(mariadb_server: str) -> None:
    url = servers.make_database(mariadb_server, f"test_{uuid.uuid4().hex[:16]}")
    code = f"from libs.chassis.migrations import migrate; migrate('locker', {url!r})"
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert tables(url) >= set(load_service("locker").metadata.tables)
