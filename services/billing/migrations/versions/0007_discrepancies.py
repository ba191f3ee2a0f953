"""The table of states that another domain contradicts, and indexes by which billing compares."""

from alembic import op

from libs.chassis.first_tables import create_discrepancies

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_discrepancies(op)
    op.create_index("ix_payments_state", "payments", ["state", "changed_at", "id"])
    op.create_index("ix_refunds_return_id", "refunds", ["return_id"])


def downgrade() -> None:
    op.drop_index("ix_refunds_return_id", "refunds")
    op.drop_index("ix_payments_state", "payments")
    op.drop_table("discrepancies")
