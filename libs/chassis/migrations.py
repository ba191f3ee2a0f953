"""Alembic without ini files: each service's migrations are in `services/<name>/migrations/versions`.

A service's `migrations/env.py` is `run_env(metadata)`; its first revision calls `create_chassis_tables`.
"""

from __future__ import annotations

from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, pool
from sqlalchemy.engine import make_url

from libs.chassis.db import with_tls
from libs.chassis.settings import ROOT
from libs.chassis.tables import ChassisBase

WAIT_SECONDS = 120


class MigrationUnderWay(RuntimeError):
    """Another process brings the same database to a revision, and takes long."""


def config_of(service: str, database_url: str, ca_file: str | None = None) -> Config:
    """Alembic's configuration for one service's database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    config.attributes["ca_file"] = ca_file
    return config


def migrate(service: str, database_url: str, revision: str = "head", *, ca_file: str | None = None) -> None:
    """Bring the service's database to `revision`; `base` takes everything back. Twice, or two at once, is once."""
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
    with engine.connect() as connection:
        _be_the_only_one(connection)
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


def _be_the_only_one(connection: Connection) -> None:
    """Wait for another migration of this database; MySQL's DDL is not in a transaction that would do so.

    The lock ends with the connection, so that a killed migration holds nobody up.
    """
    if connection.dialect.name != "mysql":
        return
    statement = "SELECT GET_LOCK(CONCAT('reclothes-migrations:', MD5(DATABASE())), %(seconds)s)"
    if connection.exec_driver_sql(statement, {"seconds": WAIT_SECONDS}).scalar() != 1:
        raise MigrationUnderWay(
            f"another migration has not ended after {WAIT_SECONDS} s; look for it, then try again"
        )


def create_chassis_tables(op: Any) -> None:
    """Make outbox, inbox and idempotency; call it in the first revision's `upgrade`."""
    ChassisBase.metadata.create_all(op.get_bind(), checkfirst=False)


def drop_chassis_tables(op: Any) -> None:
    ChassisBase.metadata.drop_all(op.get_bind(), checkfirst=False)
