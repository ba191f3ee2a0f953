"""Packing orders, settings, audit trail, and the chassis's tables."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.types import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("domain", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("actor_roles", sa.JSON(), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("source_ip", sa.String(length=64), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_entries_action", "audit_entries", ["action", "occurred_at", "id"], unique=False)
    op.create_index("ix_audit_entries_actor_id", "audit_entries", ["actor_id", "occurred_at", "id"], unique=False)
    op.create_index("ix_audit_entries_occurred_at", "audit_entries", ["occurred_at", "id"], unique=False)
    op.create_index("ix_audit_entries_target", "audit_entries", ["target", "occurred_at", "id"], unique=False)
    op.create_table(
        "packing_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("pickup_location_id", sa.String(length=36), nullable=False),
        sa.Column("assignee_id", sa.String(length=36), nullable=True),
        sa.Column("tracking_code", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("tracking_code"),
    )
    op.create_index("ix_packing_orders_created_at", "packing_orders", ["created_at", "id"], unique=False)
    op.create_index("ix_packing_orders_state", "packing_orders", ["state", "created_at", "id"], unique=False)
    op.create_table(
        "system_settings",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )

    for change in ("update", "delete"):
        op.execute(_refusal(change, op.get_bind().dialect.name))


def _refusal(change: str, dialect: str) -> str:
    """A trigger that keeps the audit trail as it was written (domain rule 6)."""
    head = f"CREATE TRIGGER audit_entries_no_{change} BEFORE {change.upper()} ON audit_entries "
    if dialect == "sqlite":
        return head + "BEGIN SELECT RAISE(ABORT, 'audit entries cannot be changed'); END"
    return head + ("FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit entries cannot be changed'")


def downgrade() -> None:
    op.drop_table("system_settings")
    op.drop_table("packing_orders")
    op.drop_table("audit_entries")
    drop_chassis_tables(op)
