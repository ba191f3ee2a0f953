"""What a service's user may do in its MySQL: rows, and of tables that are only added to, no more than that.

The user that migrates has all rights, the one that serves has these: no DDL, hence no TRUNCATE either, which takes
DROP. So not even a broken service can change the audit trail (domain rule 6).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import MetaData, create_engine, make_url, pool, text

from libs.chassis.database_engine import with_tls
from libs.chassis.tables import ChassisBase

# A table's `info` says it: rows are added and read, never changed.
APPEND_ONLY = {"append_only": True}
_ADD = "SELECT, INSERT"
_CHANGE = "SELECT, INSERT, UPDATE, DELETE"
VERSION_TABLE = "alembic_version"


def statements(metadata: MetaData, database: str, user: str) -> Iterator[str]:
    """The GRANT of each table; `user` is asked for a secure connection.

    Rights stand at each table, since MySQL cannot take those of a database away again at one table.
    """
    account = f"'{_name(user)}'@'%'"
    yield f"ALTER USER {account} REQUIRE SSL"
    for table in (*metadata.sorted_tables, *ChassisBase.metadata.sorted_tables):
        rights = _ADD if table.info.get("append_only") else _CHANGE
        yield f"GRANT {rights} ON `{_name(database)}`.`{table.name}` TO {account}"
    yield f"GRANT SELECT ON `{_name(database)}`.`{VERSION_TABLE}` TO {account}"


def _name(name: str) -> str:
    """A name that needs no quotes inside quotes; ValueError for another one."""
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"{name!r} is no name of a user or database")
    return name


def give(metadata: MetaData, database_url: str, user: str, ca_file: str | None) -> None:
    """Give `user`, who must be there, its rights on a service's database; safe to run twice."""
    url, tls = with_tls(make_url(database_url), ca_file)
    if url.get_backend_name() == "sqlite":
        raise ValueError("SQLite has no users")
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=tls, hide_parameters=True)
    with engine.begin() as connection:
        for statement in statements(metadata, str(url.database), user):
            connection.execute(text(statement))
