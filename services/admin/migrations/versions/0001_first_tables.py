"""All tables of admin, and the chassis's."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.migrations import forbid_changes
from libs.chassis.types import Json, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    _create_work_orders()
    _create_included_orders()
    _create_recycling()
    _create_checks()
    _create_copies()
    _create_return_contacts()
    _create_system_settings()
    _create_audit_trail()


def _create_work_orders() -> None:
    op.create_table(
        "work_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("assignee_id", sa.String(length=36), nullable=True),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("location_name", sa.String(length=120), nullable=False),
        sa.Column("area", sa.String(length=80), nullable=True),
        sa.Column("deliveryman_id", sa.String(length=36), nullable=True),
        sa.Column("result", sa.String(length=4), nullable=True),
        sa.Column("notes", sa.String(length=2000), nullable=True),
        sa.Column("photo_keys", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_work_orders_assignee_id", "work_orders", ["assignee_id", "kind", "created_at", "id"])
    op.create_index("ix_work_orders_state", "work_orders", ["state", "created_at", "id"])
    op.create_index("ix_work_orders_kind", "work_orders", ["kind", "created_at", "id"])
    op.create_index("ix_work_orders_created_at", "work_orders", ["created_at", "id"])


def _create_included_orders() -> None:
    op.create_table(
        "included_orders",
        sa.Column("work_order_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("donation_id", sa.String(length=36), nullable=True),
        sa.Column("box_id", sa.String(length=36), nullable=True),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("scanned_at", UtcDateTime(), nullable=True),
        sa.Column("box_emptied_at", UtcDateTime(), nullable=True),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"]),
        sa.PrimaryKeyConstraint("work_order_id", "position"),
        sa.UniqueConstraint("order_id", "kind", name="uq_included_orders_order"),
    )
    op.create_table(
        "stopped_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_recycling() -> None:
    op.create_table(
        "factories",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_factories_created_at", "factories", ["created_at", "id"])
    op.create_table(
        "handovers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("factory_id", sa.String(length=36), nullable=False),
        sa.Column("factory_name", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["factory_id"], ["factories.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_handovers_created_at", "handovers", ["created_at", "id"])
    op.create_table(
        "packages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("tracking_code", sa.String(length=40), nullable=False),
        sa.Column("result", sa.String(length=4), nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("handover_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["handover_id"], ["handovers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("tracking_code"),
    )
    op.create_index("ix_packages_result", "packages", ["result", "handover_id", "checked_at", "id"])
    op.create_index("ix_packages_handover_id", "packages", ["handover_id"])


def _create_checks() -> None:
    op.create_table(
        "check_photos",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("work_order_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_check_photos_work_order_id", "check_photos", ["work_order_id"])


def _create_copies() -> None:
    """What other domains publish of employees, locations and returns."""
    op.create_table(
        "employees",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=True),
        sa.Column("last_event_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_employees_full_name", "employees", ["full_name", "id"])
    op.create_table(
        "locations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("area", sa.String(length=80), nullable=True),
        sa.Column("deliveryman_id", sa.String(length=36), nullable=True),
        sa.Column("last_event_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "buying_returns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("price_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("items", Json(), nullable=False),
        sa.Column("is_force_cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_return_contacts() -> None:
    op.create_table(
        "return_contacts",
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("contacted_at", UtcDateTime(), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("refund_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["buying_returns.id"]),
        sa.PrimaryKeyConstraint("return_id"),
    )


def _create_system_settings() -> None:
    op.create_table(
        "system_settings",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_audit_trail() -> None:
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
    op.create_index("ix_audit_entries_action", "audit_entries", ["action", "occurred_at", "id"])
    op.create_index("ix_audit_entries_actor_id", "audit_entries", ["actor_id", "occurred_at", "id"])
    op.create_index("ix_audit_entries_occurred_at", "audit_entries", ["occurred_at", "id"])
    op.create_index("ix_audit_entries_target", "audit_entries", ["target", "occurred_at", "id"])
    forbid_changes(op, "audit_entries", "id = NEW.id")


def downgrade() -> None:
    for name in (
        *("audit_entries", "system_settings", "return_contacts", "buying_returns", "locations", "employees"),
        *("check_photos", "packages", "handovers", "factories", "stopped_orders", "included_orders", "work_orders"),
    ):
        op.drop_table(name)
    drop_chassis_tables(op)
