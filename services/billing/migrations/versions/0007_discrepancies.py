"""The table of states that another domain contradicts, and an index for finding authorised payments."""

from alembic import op

from libs.chassis.first_tables import create_discrepancies

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_discrepancies(op)
    op.create_index("ix_payments_state", "payments", ["state", "changed_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_payments_state", "payments")
    op.drop_table("discrepancies")
