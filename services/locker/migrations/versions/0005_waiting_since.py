"""Since when a deposit waits for its collection."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("boxes", sa.Column("waiting_since", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("boxes") as boxes:
        boxes.drop_column("waiting_since")
