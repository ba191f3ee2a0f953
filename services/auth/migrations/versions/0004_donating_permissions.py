"""What donors, deliverymen, employees and managers may do with donations."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ADDED = {
    "customer": ("customer:donating-orders", "locker:doors", "billing:fees", "billing:rewards"),
    "deliveryman": (
        "locker:doors",
        "admin:collecting-orders",
        "admin:shipping-orders",
        "admin:packages",
    ),
    "employee": (
        "customer:donating-orders:monitor",
        "admin:checking-orders",
        "admin:packages",
        "admin:recycling",
        "billing:coupons:read",
    ),
    "manager": (
        "customer:donating-orders:monitor",
        "locker:locations:write",
        "locker:activity:read",
        "admin:checking-orders",
        "admin:packages",
        "admin:work-orders:monitor",
        "admin:work-orders:write",
        "admin:recycling",
        "admin:factories:write",
        "admin:employees:read",
        "admin:employees:write",
        "billing:rewards:write",
        "billing:coupons:read",
        "billing:coupons:write",
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
