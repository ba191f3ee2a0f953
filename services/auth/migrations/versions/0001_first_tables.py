"""Users, roles, sessions, notifications, and the chassis's tables."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.types import UtcDateTime

revision = "0001"
down_revision = None


EMPLOYEE = (
    "admin:packing-orders",
    "auth:notifications",
    "auth:session",
    "customer:buying-orders:monitor",
    "locker:boxes:read",
    "shopping:products:read",
    "shopping:products:write",
)
MANAGER_TOO = (
    "admin:audit:read",
    "admin:settings:read",
    "admin:settings:write",
    "locker:boxes:write",
    "shopping:prices:write",
    "shopping:products:publish",
)
CUSTOMER = (
    "auth:notifications",
    "auth:session",
    "billing:payments",
    "customer:buying-orders",
    "customer:profile",
    "shopping:cart",
)
DELIVERYMAN = (
    "auth:notifications",
    "auth:session",
)
ROLES = (
    ("customer", "customer", CUSTOMER),
    ("employee", "internal", EMPLOYEE),
    ("manager", "internal", EMPLOYEE + MANAGER_TOO),
    ("deliveryman", "internal", DELIVERYMAN),
)


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "outgoing_mails",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outgoing_mails_sent_at", "outgoing_mails", ["sent_at", "created_at"], unique=False)
    op.create_table(
        "roles",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_notifications_user_id_created_at", "notifications", ["user_id", "created_at", "id"], unique=False
    )
    op.create_table(
        "one_time_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "role_permissions",
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("permission", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["role"],
            ["roles.name"],
        ),
        sa.PrimaryKeyConstraint("role", "permission"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"], unique=False)
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["role"],
            ["roles.name"],
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("user_id", "role"),
    )

    _insert_first_roles()


def _insert_first_roles() -> None:
    """The roles that ReClothes starts with; from then on they are rows that a manager changes."""
    roles = sa.table("roles", sa.column("name"), sa.column("kind"))
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.bulk_insert(roles, [{"name": name, "kind": kind} for name, kind, _ in ROLES])
    rows = [{"role": name, "permission": scope} for name, _, scopes in ROLES for scope in scopes]
    op.bulk_insert(permissions, rows)


def downgrade() -> None:
    op.drop_table("user_roles")
    op.drop_table("sessions")
    op.drop_table("role_permissions")
    op.drop_table("one_time_tokens")
    op.drop_table("notifications")
    op.drop_table("users")
    op.drop_table("roles")
    op.drop_table("outgoing_mails")
    drop_chassis_tables(op)
