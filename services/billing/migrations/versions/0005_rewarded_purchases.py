"""When the rewards of a purchase were decided."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("purchases", sa.Column("rewarded_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("purchases") as table:
        table.drop_column("rewarded_at")
