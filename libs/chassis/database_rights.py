"""The rights of a service's user in MySQL: to change rows, and in append-only tables only to add them.

The user that migrates has all rights. The user that serves has these: no DDL, and no TRUNCATE, which needs DROP. So
a compromised service cannot change the audit trail.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import MetaData, create_engine, make_url, pool, text

from libs.chassis.database_engine import with_tls
from libs.chassis.tables import ChassisBase

# The `info` of a table whose rows are added and read, never changed.
APPEND_ONLY = {"append_only": True}
_ADD = "SELECT, INSERT"
_CHANGE = "SELECT, INSERT, UPDATE, DELETE"
VERSION_TABLE = "alembic_version"


def statements(metadata: MetaData, database: str, user: str) -> Iterator[str]:
    """The GRANT for each table; `user` must connect with TLS.

    Rights are granted per table, because MySQL cannot revoke those of a database for one table.
    """
    account = f"'{_require_plain(user)}'@'%'"
    yield f"ALTER USER {account} REQUIRE SSL"
    for table in (*metadata.sorted_tables, *ChassisBase.metadata.sorted_tables):
        rights = _ADD if table.info.get("append_only") else _CHANGE
        yield f"GRANT {rights} ON `{_require_plain(database)}`.`{table.name}` TO {account}"
    yield f"GRANT SELECT ON `{_require_plain(database)}`.`{VERSION_TABLE}` TO {account}"


def _require_plain(name: str) -> str:
    """The name, if it needs no escaping inside quotes. Raises ValueError for another one."""
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"{name!r} is not a valid name of a user or database.")
    return name


def grant(metadata: MetaData, database_url: str, user: str, ca_file: str | None) -> None:
    """Grant the existing user `user` its rights on a service's database; idempotent."""
    url, tls = with_tls(make_url(database_url), ca_file)
    if url.get_backend_name() == "sqlite":
        raise ValueError("SQLite has no users.")
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=tls, hide_parameters=True)
    with engine.begin() as connection:
        for statement in statements(metadata, str(url.database), user):
            connection.execute(text(statement))
