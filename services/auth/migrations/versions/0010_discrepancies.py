"""The table of states that another domain contradicts."""

from alembic import op

from libs.chassis.first_tables import create_discrepancies

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    create_discrepancies(op)


def downgrade() -> None:
    op.drop_table("discrepancies")
