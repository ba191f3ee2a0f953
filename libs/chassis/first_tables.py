"""The tables of the chassis as each service's first revision creates them.

Frozen after the first release: all databases must have the same history. A change of `tables.py` then needs a new
revision of every service.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from libs.chassis.types import UtcDateTime


def create_chassis_tables(op: Any) -> None:
    """Create outbox, inbox, idempotency and discrepancies, in the first revision's `upgrade`."""
    _create_outbox(op)
    _create_inbox(op)
    _create_idempotency(op)
    _create_discrepancies(op)


def drop_chassis_tables(op: Any) -> None:
    for name in ("discrepancies", "idempotency", "inbox", "outbox"):
        op.drop_table(name)


def _create_outbox(op: Any) -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=128), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("ix_outbox_published_at_id", "outbox", ["published_at", "id"])


def _create_inbox(op: Any) -> None:
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("handler", sa.String(length=128), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "handler"),
    )
    op.create_index("ix_inbox_handled_at", "inbox", ["handled_at"])


def _create_idempotency(op: Any) -> None:
    op.create_table(
        "idempotency",
        sa.Column("principal", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "operation", "key"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def _create_discrepancies(op: Any) -> None:
    op.create_table(
        "discrepancies",
        sa.Column("check_name", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("check_name", "subject"),
    )
    op.create_index("ix_discrepancies_found_at", "discrepancies", ["found_at"])
