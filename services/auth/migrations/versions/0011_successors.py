"""A refresh token keeps its successor, encrypted, for requests that arrive at the same moment."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("successor", sa.String(length=400), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("refresh_tokens") as table:
        table.drop_column("successor")
