"""Refunds that stand for one that failed, and the reference of a bank transfer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("refunds") as table:
        table.add_column(sa.Column("replaces", sa.String(length=36), nullable=True))
        table.add_column(sa.Column("reference", sa.String(length=140), nullable=True))
        table.create_unique_constraint("uq_refunds_replaces", ["replaces"])
        table.create_foreign_key("fk_refunds_replaces", "refunds", ["replaces"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("refunds") as table:
        table.drop_constraint("fk_refunds_replaces", type_="foreignkey")
        table.drop_constraint("uq_refunds_replaces", type_="unique")
        table.drop_column("reference")
        table.drop_column("replaces")
