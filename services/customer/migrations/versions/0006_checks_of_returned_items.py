"""What the check of each returned product gave."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("returned_items", sa.Column("check_result", sa.String(length=4), nullable=True))
    op.add_column("returned_items", sa.Column("check_reason", sa.String(length=500), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("returned_items") as items:
        items.drop_column("check_reason")
        items.drop_column("check_result")
