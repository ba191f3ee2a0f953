"""Anonymous carts end by their last change; what customers like to wear."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_carts_updated_at_ms", "carts", ["updated_at_ms"])
    op.create_table(
        "tastes",
        sa.Column("customer_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("body_sizes", sa.JSON, nullable=False),
        sa.Column("preferences", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("tastes")
    op.drop_index("ix_carts_updated_at_ms", "carts")
