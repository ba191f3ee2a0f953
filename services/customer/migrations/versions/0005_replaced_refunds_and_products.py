"""Which refund stands for another one, and donated pieces found by their product."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("order_refunds", sa.Column("replaces", sa.String(length=36), nullable=True))
    op.create_index("ix_order_refunds_replaces", "order_refunds", ["replaces"], unique=False)
    op.create_index("ix_donating_items_product_id", "donating_items", ["product_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_donating_items_product_id", "donating_items")
    op.drop_index("ix_order_refunds_replaces", "order_refunds")
    with op.batch_alter_table("order_refunds") as refunds:
        refunds.drop_column("replaces")
