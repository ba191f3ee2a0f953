"""An account has the locale in which amounts and dates are written to its owner."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("users", sa.Column("locale", sa.String(length=35), nullable=False, server_default="en"))


def downgrade() -> None:
    with op.batch_alter_table("users") as table:
        table.drop_column("locale")
