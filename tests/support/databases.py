"""Databases for tests, migrated once for the whole run: each test begins with what the migrations left."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, Table, create_engine, text

from libs.chassis.migrations import migrate
from tests.support import servers

TABLES_THAT_KEEP_ROWS = (
    "SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS"
    " WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_MANIPULATION = 'DELETE'"
)


def fresh_sqlite(service: str, path: Path) -> str:
    """A migrated SQLite database at `path`; its URL."""
    shutil.copy(_sqlite_template(service), path)
    return f"sqlite:///{path}"


@lru_cache
def _sqlite_template(service: str) -> Path:
    template = Path(tempfile.mkdtemp(prefix="reclothes-")) / f"{service}.db"
    migrate(service, f"sqlite:///{template}")
    return template


def fresh_mariadb(service: str, server_url: str) -> str:
    """A database of the service on this server as its migrations leave it; its URL.

    It is one database for the whole run: the test before must have ended.
    """
    url, tables, rows, kept = _mariadb_template(service, server_url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("SET FOREIGN_KEY_CHECKS = 0"))
        for table in tables:
            if table.name in kept:  # its rows cannot be deleted, which TRUNCATE does not ask
                connection.execute(text(f"TRUNCATE TABLE {table.name}"))
            else:
                connection.execute(table.delete())
            if rows[table.name]:
                connection.execute(table.insert(), rows[table.name])
        connection.execute(text("SET FOREIGN_KEY_CHECKS = 1"))
    engine.dispose()
    return url


@lru_cache
def _mariadb_template(
    service: str, server_url: str
) -> tuple[str, list[Table], dict[str, list[dict[str, Any]]], frozenset[str]]:
    """The migrated database, its tables, the rows that the migrations put into them, and where none can be
    deleted."""
    url = servers.make_database(server_url, f"{service}_{uuid.uuid4().hex[:12]}")
    migrate(service, url)
    engine, metadata = create_engine(url), MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        rows = {
            name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for name, table in metadata.tables.items()
        }
        kept = frozenset(connection.scalars(text(TABLES_THAT_KEEP_ROWS)))
    engine.dispose()
    return url, list(metadata.tables.values()), rows, kept
