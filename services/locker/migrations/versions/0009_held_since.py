"""When a box was held; `held_until` is the end of a day and does not tell."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("boxes", sa.Column("held_since", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("boxes") as table:
        table.drop_column("held_since")
