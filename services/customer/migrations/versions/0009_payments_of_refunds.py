"""The payment that a refund belongs to; indexes for cancellations by time and the attempts of a buyer."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("order_refunds", sa.Column("payment_id", sa.String(length=36), nullable=True))
    op.create_index("ix_order_timeline_state", "order_timeline", ["state", "at", "order_id"])
    op.create_index("ix_order_attempts_buyer_id", "order_attempts", ["buyer_id", "begun_at", "order_id"])


def downgrade() -> None:
    op.drop_index("ix_order_attempts_buyer_id", table_name="order_attempts")
    op.drop_index("ix_order_timeline_state", table_name="order_timeline")
    with op.batch_alter_table("order_refunds") as refunds:
        refunds.drop_column("payment_id")
