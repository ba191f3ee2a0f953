"""When the box of a collected order was emptied, and photos of checks."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("orders_at_work", sa.Column("taken_at", UtcDateTime(), nullable=True))
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


def downgrade() -> None:
    op.drop_table("check_photos")
    op.drop_column("orders_at_work", "taken_at")
