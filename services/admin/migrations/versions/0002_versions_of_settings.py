"""Settings count their changes, and SQLite refuses to replace an audit entry."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    version = sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    op.add_column("system_settings", version)
    if op.get_bind().dialect.name == "sqlite":
        # INSERT OR REPLACE deletes the old row without the trigger on DELETE; MySQL's REPLACE runs into that one.
        op.execute(
            "CREATE TRIGGER audit_entries_no_replace BEFORE INSERT ON audit_entries "
            "WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'audit entries cannot be changed'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_entries_no_replace")
    op.drop_column("system_settings", "version")
