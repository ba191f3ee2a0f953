"""What employees and managers may see of customers' orders, and who decides on refunds of bad returns."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ADDED = {
    "employee": ("admin:return-contacts", "customer:order-counts:read"),
    "manager": ("admin:return-contacts", "customer:order-counts:read", "customer:rankings:read"),
}


def upgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    rows = [{"role": role, "permission": scope} for role, scopes in ADDED.items() for scope in scopes]
    op.bulk_insert(permissions, rows)


def downgrade() -> None:
    added = {scope for scopes in ADDED.values() for scope in scopes}
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.execute(permissions.delete().where(permissions.c.permission.in_(sorted(added))))
