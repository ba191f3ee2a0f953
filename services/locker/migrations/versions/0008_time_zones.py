"""The time zone of a location."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    time_zone = sa.Column("time_zone", sa.String(length=64), server_default="Europe/Lisbon", nullable=False)
    op.add_column("locations", time_zone)


def downgrade() -> None:
    with op.batch_alter_table("locations") as locations:
        locations.drop_column("time_zone")
