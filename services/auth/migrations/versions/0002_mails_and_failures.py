"""Mails are given again until they are delivered; failed log-ins are counted; a link can bring its own password."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "login_failures",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("wait_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key_hash"),
    )
    op.create_index("ix_login_failures_last_at", "login_failures", ["last_at"], unique=False)
    op.add_column("one_time_tokens", sa.Column("password_hash", sa.String(length=200), nullable=True))
    op.create_index("ix_one_time_tokens_expires_at", "one_time_tokens", ["expires_at"], unique=False)
    op.add_column("outgoing_mails", sa.Column("due_at", UtcDateTime(), nullable=True))
    op.add_column("outgoing_mails", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outgoing_mails", sa.Column("claimed_until", UtcDateTime(), nullable=True))
    op.execute("UPDATE outgoing_mails SET due_at = created_at WHERE delivered_at IS NULL")
    op.drop_index("ix_outgoing_mails_sent_at", "outgoing_mails")
    op.drop_column("outgoing_mails", "sent_at")
    op.create_index("ix_outgoing_mails_due_at", "outgoing_mails", ["due_at"], unique=False)
    op.create_index(
        "ix_outgoing_mails_recipient_created_at", "outgoing_mails", ["recipient", "created_at"], unique=False
    )
    op.create_index("ix_outgoing_mails_created_at", "outgoing_mails", ["created_at"], unique=False)


def downgrade() -> None:
    for column in ("created_at", "recipient_created_at", "due_at"):
        op.drop_index(f"ix_outgoing_mails_{column}", "outgoing_mails")
    op.add_column("outgoing_mails", sa.Column("sent_at", UtcDateTime(), nullable=True))
    op.create_index("ix_outgoing_mails_sent_at", "outgoing_mails", ["sent_at", "created_at"], unique=False)
    op.execute("UPDATE outgoing_mails SET sent_at = created_at WHERE due_at IS NULL")
    for column in ("claimed_until", "attempts", "due_at"):
        op.drop_column("outgoing_mails", column)
    op.drop_index("ix_one_time_tokens_expires_at", "one_time_tokens")
    op.drop_column("one_time_tokens", "password_hash")
    op.drop_table("login_failures")
