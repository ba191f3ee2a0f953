"""The database user of the service can neither change the audit trail nor the schema."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from libs.chassis import database_rights
from libs.chassis.migrations import migrate
from services.admin.tables import Base
from tests.support import servers

ENTRY = (
    "INSERT INTO audit_entries"
    " (id, domain, actor_id, actor_roles, action, target, source_ip, request_id, occurred_at)"
    " VALUES ('aud_1', 'auth', 'usr_1', '[]', 'act', 'target', '', '', '2026-01-01')"
)


@pytest.fixture(scope="module")
def connection(mariadb_server: str) -> Iterator[Connection]:
    """A connection as the database user of the admin service."""
    url = make_url(servers.make_database(mariadb_server, f"rights_{uuid.uuid4().hex[:12]}"))
    migrate("admin", url.render_as_string(hide_password=False))
    user = f"admin_{uuid.uuid4().hex[:8]}"
    with create_engine(url).begin() as root:
        root.execute(text(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'secret'"))
        for statement in database_rights.statements(Base.metadata, str(url.database), user):
            if not statement.startswith("ALTER USER"):  # the tests' server has no TLS
                root.execute(text(statement))
    with create_engine(url.set(username=user, password="secret")).connect() as connection:
        yield connection


@pytest.mark.full
def test_the_service_user_adds_audit_entries_and_changes_other_tables(connection: Connection) -> None:
    connection.execute(text(ENTRY))
    assert connection.execute(text("SELECT COUNT(*) FROM audit_entries")).scalar() == 1
    connection.execute(text("DELETE FROM outbox"))
    connection.execute(text("UPDATE work_orders SET state = 'open'"))
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@pytest.mark.full
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'other'",
        "DELETE FROM audit_entries",
        "TRUNCATE TABLE audit_entries",
        "DROP TABLE audit_entries",
        "DROP TRIGGER audit_entries_no_update",
        "ALTER TABLE audit_entries ADD COLUMN more INT",
        "TRUNCATE TABLE outbox",
        "UPDATE alembic_version SET version_num = '0000'",
        "CREATE TABLE more (id INT)",
    ],
)
def test_the_service_user_cannot_change_the_audit_trail_or_the_schema(
    connection: Connection, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="denied"):
        connection.execute(text(statement))


def test_the_service_user_must_use_tls() -> None:
    first, *grants = database_rights.statements(Base.metadata, "admin", "admin")

    assert first == "ALTER USER 'admin'@'%' REQUIRE SSL"
    assert "GRANT SELECT, INSERT ON `admin`.`audit_entries` TO 'admin'@'%'" in grants
    assert not [grant for grant in grants if "DROP" in grant or "ALL" in grant]


def test_a_user_name_with_a_quote_is_rejected() -> None:
    with pytest.raises(ValueError, match="not a valid name"):
        list(database_rights.statements(Base.metadata, "admin", "x' OR '1"))
