"""The time zone of an order's location, and orders that are being placed."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    time_zone = sa.Column("pickup_time_zone", sa.String(length=64), server_default="Europe/Lisbon", nullable=False)
    op.add_column("buying_orders", time_zone)
    op.create_table(
        "order_attempts",
        sa.Column("order_id", sa.String(length=36), primary_key=True),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("pickup_location_id", sa.String(length=36), nullable=False),
        sa.Column("pickup_location_name", sa.String(length=120), nullable=False),
        sa.Column("pickup_time_zone", sa.String(length=64), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_order_attempts_begun_at", "order_attempts", ["begun_at", "order_id"])


def downgrade() -> None:
    op.drop_table("order_attempts")
    with op.batch_alter_table("buying_orders") as orders:
        orders.drop_column("pickup_time_zone")
