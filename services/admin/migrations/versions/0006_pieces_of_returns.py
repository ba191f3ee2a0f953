"""What is in a return piece by piece, and whether it was given up."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import Json

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("known_returns", sa.Column("items", Json(), nullable=True))
    op.add_column(
        "known_returns", sa.Column("is_given_up", sa.Boolean(), nullable=False, server_default=sa.text("0"))
    )


def downgrade() -> None:
    with op.batch_alter_table("known_returns") as returns:
        returns.drop_column("is_given_up")
        returns.drop_column("items")
