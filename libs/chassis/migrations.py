"""Alembic without ini files: each service's migrations are in `services/<name>/migrations/versions`.

A service's `migrations/env.py` is `run_env(metadata)`; its first revision makes the chassis's tables too
(`first_tables.py`).
"""

from __future__ import annotations

from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, pool
from sqlalchemy.engine import make_url

from libs.chassis.database_engine import begin_for_sqlite, with_tls
from libs.chassis.settings import ROOT
from libs.chassis.tables import ChassisBase

WAIT_SECONDS = 120


class MigrationInProgress(RuntimeError):
    """Another process migrates the same database."""


def config_of(service: str, database_url: str, ca_file: str | None = None) -> Config:
    """Alembic's configuration for one service's database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    config.attributes["ca_file"] = ca_file
    return config


def migrate(service: str, database_url: str, revision: str = "head", *, ca_file: str | None = None) -> None:
    """Migrate the service's database to `revision`; `base` reverts everything. Idempotent, also concurrently."""
    config = config_of(service, database_url, ca_file)
    if revision == "base":
        command.downgrade(config, "base")
    else:
        command.upgrade(config, revision)


def run_env(metadata: MetaData) -> None:
    """The whole of a service's `env.py`."""
    attributes = context.config.attributes
    url, tls = with_tls(make_url(attributes["database_url"]), attributes["ca_file"])
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=tls, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        # An interrupted migration leaves the database unchanged; a concurrent one waits.
        begin_for_sqlite(engine, f"busy_timeout={WAIT_SECONDS * 1000}")
    with engine.connect() as connection:
        _lock(connection)
        context.configure(
            connection=connection,
            target_metadata=[metadata, ChassisBase.metadata],
            render_as_batch=engine.dialect.name == "sqlite",
            compare_type=True,
            transactional_ddl=False,
        )
        context.run_migrations()
        connection.commit()
    engine.dispose()


def _lock(connection: Connection) -> None:
    """Wait for another migration of this database; on MySQL DDL is not transactional and needs a lock.

    The lock ends with the connection, so that a killed migration does not block others.
    """
    if connection.dialect.name != "mysql":
        return
    statement = "SELECT GET_LOCK(CONCAT('reclothes-migrations:', MD5(DATABASE())), %(seconds)s)"
    if connection.exec_driver_sql(statement, {"seconds": WAIT_SECONDS}).scalar() != 1:
        raise MigrationInProgress(
            f"Another migration has not ended after {WAIT_SECONDS} s. Find it, then try again."
        )


def forbid_changes(op: Any, table: str, same_row: str) -> None:
    """Create triggers that make a table append-only; `same_row` compares the keys of a row with NEW."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    message = f"{table} cannot be changed"
    for change in ("update", "delete"):
        head = f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
        body = (
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            if sqlite
            else f"FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}'"
        )
        op.execute(head + body)
    if sqlite:  # INSERT OR REPLACE deletes the old row without the trigger on DELETE
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same_row})"  # noqa: S608 constants of a migration
        head = f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {exists} "
        op.execute(head + f"BEGIN SELECT RAISE(ABORT, '{message}'); END")
