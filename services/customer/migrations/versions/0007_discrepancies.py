"""The table of states that another domain contradicts."""

from alembic import op

from libs.chassis.first_tables import create_discrepancies

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_discrepancies(op)


def downgrade() -> None:
    op.drop_table("discrepancies")
