"""When the box of a collected order was emptied."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("orders_at_work", sa.Column("taken_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders_at_work", "taken_at")
