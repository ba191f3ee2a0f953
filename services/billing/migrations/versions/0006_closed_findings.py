"""Who closed a finding by hand, when, and why."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("reconciliation_findings", sa.Column("closed_at", UtcDateTime(), nullable=True))
    op.add_column("reconciliation_findings", sa.Column("closed_by", sa.String(length=64), nullable=True))
    op.add_column("reconciliation_findings", sa.Column("note", sa.String(length=500), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("reconciliation_findings") as findings:
        findings.drop_column("note")
        findings.drop_column("closed_by")
        findings.drop_column("closed_at")
