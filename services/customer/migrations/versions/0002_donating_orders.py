"""Donating orders."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.tables import BigId
from libs.chassis.types import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "donating_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("donor_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=True),
        sa.Column("location_name", sa.String(length=120), nullable=True),
        sa.Column("box_id", sa.String(length=36), nullable=True),
        sa.Column("box_label", sa.String(length=20), nullable=True),
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("check_result", sa.String(length=4), nullable=True),
        sa.Column("state_before_return", sa.String(length=20), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_orders_created_at", "donating_orders", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_donating_orders_donor_id", "donating_orders", ["donor_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_donating_orders_donor_id_state",
        "donating_orders",
        ["donor_id", "state", "created_at", "id"],
        unique=False,
    )
    op.create_index("ix_donating_orders_state", "donating_orders", ["state", "created_at", "id"], unique=False)
    op.create_table(
        "first_donations",
        sa.Column("donor_id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("donor_id"),
        sa.UniqueConstraint("order_id", name="uq_first_donations_order_id"),
    )
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
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["donating_orders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_items_order_id", "donating_items", ["order_id"], unique=False)
    op.create_table(
        "donating_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["donating_orders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_timeline_order_id", "donating_timeline", ["order_id"], unique=False)
    op.create_table(
        "return_donating_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("donor_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("location_name", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["donating_orders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_return_donating_orders_created_at", "return_donating_orders", ["created_at", "id"], unique=False
    )
    op.create_index(
        "ix_return_donating_orders_donor_id",
        "return_donating_orders",
        ["donor_id", "created_at", "id"],
        unique=False,
    )
    op.create_index("ix_return_donating_orders_order_id", "return_donating_orders", ["order_id"], unique=False)
    op.create_index(
        "ix_return_donating_orders_state", "return_donating_orders", ["state", "created_at", "id"], unique=False
    )
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
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["donating_items.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_donating_photos_item_id", "donating_photos", ["item_id"], unique=False)
    op.create_table(
        "return_donating_timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["return_id"],
            ["return_donating_orders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_return_donating_timeline_return_id", "return_donating_timeline", ["return_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("return_donating_timeline")
    op.drop_table("donating_photos")
    op.drop_table("return_donating_orders")
    op.drop_table("donating_timeline")
    op.drop_table("donating_items")
    op.drop_table("first_donations")
    op.drop_table("donating_orders")
