"""The way of a buying order after its payment, and its returns."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.tables import BigId
from libs.chassis.types import UtcDateTime

revision = "0003"
down_revision = "0002"

NEW_INDEXES = {
    "ix_buying_orders_pickup_location_id": ["pickup_location_id", "placed_at", "id"],
    "ix_buying_orders_total_amount": ["total_amount", "id"],
    "ix_buying_orders_paid_at": ["paid_at", "buyer_id"],
    "ix_buying_orders_return_until": ["state", "return_until", "id"],
}


def upgrade() -> None:
    op.add_column("buying_orders", sa.Column("is_first", sa.Boolean(), nullable=False, server_default=sa.text("0")))
    op.add_column("buying_orders", sa.Column("return_until", UtcDateTime(), nullable=True))
    for name, columns in NEW_INDEXES.items():
        op.create_index(name, "buying_orders", columns, unique=False)
    _create_what_is_told_of_orders()
    _create_returns()


def _create_what_is_told_of_orders() -> None:
    op.create_table(
        "order_refunds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=True),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_order_refunds_order_id", "order_refunds", ["order_id"], unique=False)
    op.create_table(
        "order_work",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("work_order_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("assignee_id", sa.String(length=36), nullable=True),
        sa.Column("tracking_code", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("order_id", "work_order_id"),
    )
    op.create_table(
        "first_purchases",
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("buyer_id"),
        sa.UniqueConstraint("order_id", name="uq_first_purchases_order_id"),
    )


def _create_returns() -> None:
    op.create_table(
        "return_buying_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("location_name", sa.String(length=120), nullable=False),
        sa.Column("box_id", sa.String(length=36), nullable=False),
        sa.Column("box_label", sa.String(length=20), nullable=False),
        sa.Column("deposit_until", UtcDateTime(), nullable=False),
        sa.Column("is_whole_order", sa.Boolean(), nullable=False),
        sa.Column("price_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("refund_amount", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    indexes = {
        "buyer_id": ["buyer_id", "created_at", "id"],
        "buyer_id_state": ["buyer_id", "state", "created_at", "id"],
        "state": ["state", "created_at", "id"],
        "state_deposit_until": ["state", "deposit_until", "id"],
        "created_at": ["created_at", "id"],
        "order_id": ["order_id", "created_at", "id"],
    }
    for name, columns in indexes.items():
        op.create_index(f"ix_return_buying_orders_{name}", "return_buying_orders", columns, unique=False)
    op.create_table(
        "returned_items",
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["return_buying_orders.id"]),
        sa.PrimaryKeyConstraint("return_id", "position"),
    )
    op.create_table(
        "return_buying_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["return_buying_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_return_buying_timeline_return_id", "return_buying_timeline", ["return_id"], unique=False)


def downgrade() -> None:
    for table in (
        "return_buying_timeline",
        "returned_items",
        "return_buying_orders",
        "first_purchases",
        "order_work",
        "order_refunds",
    ):
        op.drop_table(table)
    for name in NEW_INDEXES:
        op.drop_index(name, "buying_orders")
    with op.batch_alter_table("buying_orders") as orders:
        orders.drop_column("return_until")
        orders.drop_column("is_first")
