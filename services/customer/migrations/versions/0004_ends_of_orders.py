"""Until when an order lies in its box, and why one ended."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0004"
down_revision = "0003"

PICK_UP_UNTIL = "ix_buying_orders_pick_up_until"


def upgrade() -> None:
    op.add_column("buying_orders", sa.Column("pick_up_until", UtcDateTime(), nullable=True))
    op.add_column("buying_orders", sa.Column("pick_up_reminded_at", UtcDateTime(), nullable=True))
    op.add_column("buying_orders", sa.Column("cancel_reason", sa.String(length=20), nullable=True))
    op.add_column(
        "return_buying_orders",
        sa.Column("is_given_up", sa.Boolean(), nullable=False, server_default=sa.text("0")),
    )
    op.create_index(PICK_UP_UNTIL, "buying_orders", ["state", "pick_up_until", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("return_buying_orders") as returns:
        returns.drop_column("is_given_up")
    op.drop_index(PICK_UP_UNTIL, "buying_orders")
    with op.batch_alter_table("buying_orders") as orders:
        orders.drop_column("cancel_reason")
        orders.drop_column("pick_up_reminded_at")
        orders.drop_column("pick_up_until")
