"""Work orders of all kinds (packing orders become some), packages, employees, factories and hand-overs."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _create_work_orders()
    _create_orders_at_work()
    _create_recycling()
    _create_employees()
    _packing_orders_become_work_orders()
    op.drop_table("packing_orders")


def _create_work_orders() -> None:
    op.create_table(
        "work_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("assignee_id", sa.String(length=36), nullable=True),
        sa.Column("location_id", sa.String(length=36), nullable=True),
        sa.Column("location_name", sa.String(length=120), nullable=True),
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


def _create_orders_at_work() -> None:
    op.create_table(
        "orders_at_work",
        sa.Column("work_order_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("donation_id", sa.String(length=36), nullable=True),
        sa.Column("box_id", sa.String(length=36), nullable=True),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("scanned_at", UtcDateTime(), nullable=True),
        sa.Column("dropped_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"]),
        sa.PrimaryKeyConstraint("work_order_id", "position"),
        sa.UniqueConstraint("order_id", "kind", name="uq_orders_at_work_order"),
    )
    op.create_table(
        "withdrawn_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=False),
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
        "hand_overs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("factory_id", sa.String(length=36), nullable=False),
        sa.Column("factory_name", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["factory_id"], ["factories.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_hand_overs_created_at", "hand_overs", ["created_at", "id"])
    op.create_table(
        "packages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("tracking_code", sa.String(length=40), nullable=False),
        sa.Column("result", sa.String(length=4), nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("hand_over_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["hand_over_id"], ["hand_overs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("tracking_code"),
    )
    op.create_index("ix_packages_result", "packages", ["result", "hand_over_id", "checked_at", "id"])
    op.create_index("ix_packages_hand_over_id", "packages", ["hand_over_id"])


def _create_employees() -> None:
    op.create_table(
        "employees",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=True),
        sa.Column("heard_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_employees_full_name", "employees", ["full_name", "id"])
    op.create_table(
        "known_locations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("area", sa.String(length=80), nullable=True),
        sa.Column("deliveryman_id", sa.String(length=36), nullable=True),
        sa.Column("heard_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _packing_orders_become_work_orders() -> None:
    """`pko_…` is `wor_…` now, with the same digits."""
    op.execute(
        "INSERT INTO work_orders (id, kind, state, assignee_id, location_id, photo_keys, created_at, changed_at, "
        "version) SELECT REPLACE(id, 'pko_', 'wor_'), 'packing', state, assignee_id, pickup_location_id, '[]', "
        "created_at, created_at, version FROM packing_orders"
    )
    op.execute(
        "INSERT INTO orders_at_work (work_order_id, position, order_id, kind, contents) "
        "SELECT REPLACE(id, 'pko_', 'wor_'), 0, order_id, 'packing', items FROM packing_orders"
    )
    op.execute(
        "INSERT INTO packages (id, order_id, tracking_code, created_at, created_by, version) "
        "SELECT REPLACE(id, 'pko_', 'pkg_'), order_id, tracking_code, created_at, 'admin', 1 FROM packing_orders "
        "WHERE tracking_code IS NOT NULL"
    )


def downgrade() -> None:
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
    op.execute(
        "INSERT INTO packing_orders (id, order_id, state, items, pickup_location_id, assignee_id, tracking_code, "
        "created_at, version) SELECT REPLACE(work.id, 'wor_', 'pko_'), part.order_id, work.state, part.contents, "
        "work.location_id, work.assignee_id, packages.tracking_code, work.created_at, work.version "
        "FROM work_orders AS work JOIN orders_at_work AS part ON part.work_order_id = work.id "
        "LEFT JOIN packages ON packages.order_id = part.order_id "
        "WHERE work.kind = 'packing' AND part.order_id LIKE 'bor%'"
    )
    for name in ("known_locations", "employees", "packages", "hand_overs", "factories", "withdrawn_orders"):
        op.drop_table(name)
    op.drop_table("orders_at_work")
    op.drop_table("work_orders")
