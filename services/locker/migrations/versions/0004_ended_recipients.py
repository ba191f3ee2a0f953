"""Orders that were cancelled: their package is for nobody."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("recipients", sa.Column("ended_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("recipients") as recipients:
        recipients.drop_column("ended_at")
