"""Managers may replace a refund that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

PERMISSION = "billing:refunds:write"


def upgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.bulk_insert(permissions, [{"role": "manager", "permission": PERMISSION}])


def downgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.execute(permissions.delete().where(permissions.c.permission == PERMISSION))
