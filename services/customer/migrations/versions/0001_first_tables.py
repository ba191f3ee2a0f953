"""All tables of the customer service."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.tables import BigId
from libs.chassis.types import UtcDateTime

revision = "0001"
down_revision = None

TABLES = (
    "buying_orders",
    "buying_order_items",
    "buying_order_timeline",
    "order_placements",
    "order_refunds",
    "order_work",
    "buying_returns",
    "returned_items",
    "buying_return_timeline",
    "donating_orders",
    "donating_items",
    "donating_photos",
    "donating_order_timeline",
    "donation_returns",
    "donation_return_timeline",
    "customers",
    "first_orders",
)


def upgrade() -> None:
    create_chassis_tables(op)
    _create_buying_orders()
    _create_buying_returns()
    _create_donating_orders()
    _create_donation_returns()
    _create_customers()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    drop_chassis_tables(op)


def _create_buying_orders() -> None:
    op.create_table(
        "buying_orders",
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("total_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("pickup_location_id", sa.String(length=36), nullable=False),
        sa.Column("pickup_location_name", sa.String(length=120), nullable=False),
        sa.Column("pickup_time_zone", sa.String(length=64), nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("paid_at", UtcDateTime(), nullable=True),
        sa.Column("payment_id", sa.String(length=36), nullable=True),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("pick_up_until", UtcDateTime(), nullable=True),
        sa.Column("pick_up_reminded_at", UtcDateTime(), nullable=True),
        sa.Column("cancel_reason", sa.String(length=20), nullable=True),
        sa.Column("return_until", UtcDateTime(), nullable=True),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_buying_orders_buyer_id", "buying_orders", ["buyer_id", "placed_at", "id"])
    op.create_index("ix_buying_orders_buyer_id_state", "buying_orders", ["buyer_id", "state", "placed_at", "id"])
    op.create_index("ix_buying_orders_paid_at", "buying_orders", ["paid_at", "buyer_id"])
    op.create_index("ix_buying_orders_pick_up_until", "buying_orders", ["state", "pick_up_until", "id"])
    op.create_index(
        "ix_buying_orders_pickup_location_id", "buying_orders", ["pickup_location_id", "placed_at", "id"]
    )
    op.create_index("ix_buying_orders_placed_at", "buying_orders", ["placed_at", "id"])
    op.create_index("ix_buying_orders_return_until", "buying_orders", ["state", "return_until", "id"])
    op.create_index("ix_buying_orders_state", "buying_orders", ["state", "placed_at", "id"])
    op.create_index("ix_buying_orders_total_amount", "buying_orders", ["total_amount", "id"])
    op.create_table(
        "buying_order_items",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("order_id", "position"),
    )
    op.create_index("ix_buying_order_items_product_id", "buying_order_items", ["product_id"])
    op.create_table(
        "buying_order_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_buying_order_timeline_order_id", "buying_order_timeline", ["order_id"])
    op.create_index("ix_buying_order_timeline_state", "buying_order_timeline", ["state", "at", "order_id"])
    op.create_table(
        "order_placements",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("pickup_location_id", sa.String(length=36), nullable=False),
        sa.Column("pickup_location_name", sa.String(length=120), nullable=False),
        sa.Column("pickup_time_zone", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("ix_order_placements_buyer_id", "order_placements", ["buyer_id", "started_at", "order_id"])
    op.create_index("ix_order_placements_started_at", "order_placements", ["started_at", "order_id"])
    op.create_table(
        "order_refunds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=True),
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("replaces", sa.String(length=36), nullable=True),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_order_refunds_order_id", "order_refunds", ["order_id"])
    op.create_index("ix_order_refunds_replaces", "order_refunds", ["replaces"])
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


def _create_buying_returns() -> None:
    op.create_table(
        "buying_returns",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
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
        sa.Column("is_force_cancelled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["buying_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_buying_returns_buyer_id", "buying_returns", ["buyer_id", "created_at", "id"])
    op.create_index("ix_buying_returns_buyer_id_state", "buying_returns", ["buyer_id", "state", "created_at", "id"])
    op.create_index("ix_buying_returns_created_at", "buying_returns", ["created_at", "id"])
    op.create_index("ix_buying_returns_order_id", "buying_returns", ["order_id", "created_at", "id"])
    op.create_index("ix_buying_returns_state", "buying_returns", ["state", "created_at", "id"])
    op.create_index("ix_buying_returns_state_deposit_until", "buying_returns", ["state", "deposit_until", "id"])
    op.create_table(
        "returned_items",
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("check_result", sa.String(length=4), nullable=True),
        sa.Column("check_reason", sa.String(length=500), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["buying_returns.id"]),
        sa.PrimaryKeyConstraint("return_id", "position"),
    )
    op.create_table(
        "buying_return_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["buying_returns.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_buying_return_timeline_return_id", "buying_return_timeline", ["return_id"])


def _create_donating_orders() -> None:
    op.create_table(
        "donating_orders",
        sa.Column("donor_id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=True),
        sa.Column("location_name", sa.String(length=120), nullable=True),
        sa.Column("box_id", sa.String(length=36), nullable=True),
        sa.Column("box_label", sa.String(length=20), nullable=True),
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("check_result", sa.String(length=4), nullable=True),
        sa.Column("state_before_return", sa.String(length=20), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_orders_created_at", "donating_orders", ["created_at", "id"])
    op.create_index("ix_donating_orders_donor_id", "donating_orders", ["donor_id", "created_at", "id"])
    op.create_index(
        "ix_donating_orders_donor_id_state", "donating_orders", ["donor_id", "state", "created_at", "id"]
    )
    op.create_index("ix_donating_orders_state", "donating_orders", ["state", "created_at", "id"])
    op.create_table(
        "donating_items",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("size", sa.String(length=20), nullable=False),
        sa.Column("brand", sa.String(length=80), nullable=True),
        sa.Column("colour", sa.String(length=40), nullable=True),
        sa.Column("condition", sa.String(length=20), nullable=False),
        sa.Column("story", sa.String(length=2000), nullable=True),
        sa.Column("product_id", sa.String(length=36), nullable=True),
        sa.Column("is_sold", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["donating_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_items_order_id", "donating_items", ["order_id"])
    op.create_index("ix_donating_items_product_id", "donating_items", ["product_id"])
    op.create_table(
        "donating_photos",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("content_type", sa.String(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["donating_items.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_photos_item_id", "donating_photos", ["item_id"])
    op.create_table(
        "donating_order_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["donating_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_order_timeline_order_id", "donating_order_timeline", ["order_id"])


def _create_donation_returns() -> None:
    op.create_table(
        "donation_returns",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("donor_id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("location_name", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["donating_orders.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donation_returns_created_at", "donation_returns", ["created_at", "id"])
    op.create_index("ix_donation_returns_donor_id", "donation_returns", ["donor_id", "created_at", "id"])
    op.create_index("ix_donation_returns_order_id", "donation_returns", ["order_id"])
    op.create_index("ix_donation_returns_state", "donation_returns", ["state", "created_at", "id"])
    op.create_table(
        "donation_return_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["return_id"], ["donation_returns.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donation_return_timeline_return_id", "donation_return_timeline", ["return_id"])


def _create_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("body_sizes", sa.JSON(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.Column("consents", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "first_orders",
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "kind"),
        sa.UniqueConstraint("order_id", name="uq_first_orders_order_id"),
    )
