"""What employees and managers may see of payments, refunds, payouts, and of what the payment provider says."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ADDED = {
    "employee": ("billing:payments:monitor",),
    "manager": (
        "billing:payments:monitor",
        "billing:payouts:read",
        "billing:payouts:write",
        "billing:reconciliation:read",
    ),
}


def upgrade() -> None:
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    rows = [{"role": role, "permission": scope} for role, scopes in ADDED.items() for scope in scopes]
    op.bulk_insert(permissions, rows)


def downgrade() -> None:
    added = {scope for scopes in ADDED.values() for scope in scopes}
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.execute(permissions.delete().where(permissions.c.permission.in_(sorted(added))))
