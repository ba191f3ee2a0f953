"""Managers may end buying orders and returns that cannot go on."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

PERMISSION = "customer:buying-orders:give-up"


def upgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.bulk_insert(permissions, [{"role": "manager", "permission": PERMISSION}])


def downgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.execute(permissions.delete().where(permissions.c.permission == PERMISSION))
