"""Saved carts, preferences of customers, and the chassis's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "carts",
        sa.Column("customer_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.JSON, nullable=False),
        sa.Column("cache_behind", sa.Boolean, nullable=False),
    )
    op.create_index("ix_carts_cache_behind", "carts", ["cache_behind"])
    op.create_index("ix_carts_updated_at_ms", "carts", ["updated_at_ms"])
    op.create_table(
        "preferences",
        sa.Column("customer_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("body_sizes", sa.JSON, nullable=False),
        sa.Column("preferences", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("preferences")
    op.drop_index("ix_carts_updated_at_ms", "carts")
    op.drop_index("ix_carts_cache_behind", "carts")
    op.drop_table("carts")
    drop_chassis_tables(op)
