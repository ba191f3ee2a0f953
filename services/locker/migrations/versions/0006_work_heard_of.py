"""How new the news is that was heard of the work on an order."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "work_heard_of",
        sa.Column("order_id", sa.String(36), primary_key=True),
        sa.Column("purpose", sa.String(10), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("work_heard_of")
