"""Managers may close a finding of the reconciliation."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

PERMISSION = "billing:reconciliation:write"


def upgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.bulk_insert(permissions, [{"role": "manager", "permission": PERMISSION}])


def downgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.execute(permissions.delete().where(permissions.c.permission == PERMISSION))
