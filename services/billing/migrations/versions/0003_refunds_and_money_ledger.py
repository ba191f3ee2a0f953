"""Refunds, the money ledger, purchases as billing knows them, and the reconciliation with the provider."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from libs.chassis.ids import new_id
from libs.chassis.migrations import forbid_changes
from libs.chassis.types import UtcDateTime

revision = "0003"
down_revision = "0002"

CANNOT_CHANGE = {
    "money_records": "id = NEW.id",
    "money_entries": "record_id = NEW.record_id AND account = NEW.account",
}


def upgrade() -> None:
    with op.batch_alter_table("payments") as table:
        table.add_column(sa.Column("refunded", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("reconciled_at", UtcDateTime(), nullable=True))
        table.create_check_constraint("ck_payments_refunded", "refunded >= 0 AND refunded <= amount")
        table.create_index("ix_payments_created_at", ["created_at", "id"])
    with op.batch_alter_table("payouts") as table:
        table.add_column(sa.Column("reference", sa.String(length=140), nullable=True))
        table.create_index("ix_payouts_created_at", ["created_at", "id"])
    refunds = _create_refunds()
    op.create_table(
        "purchases",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("kept_product_ids", sa.JSON(), nullable=False),
        sa.Column("returned_product_ids", sa.JSON(), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
    records, entries = _create_money_ledger()
    _create_reconciliation()
    _carry_over(refunds, records, entries)
    for name, same_row in CANNOT_CHANGE.items():
        forbid_changes(op, name, same_row)


def _create_refunds() -> sa.Table:
    refunds = op.create_table(
        "refunds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=80), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=True),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=True),
        sa.Column("provider_refund_id", sa.String(length=100), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settle_at", UtcDateTime(), nullable=True),
        sa.Column("made_at", UtcDateTime(), nullable=True),
        sa.Column("reconciled_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_refunds_amount"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
        sa.UniqueConstraint("provider_refund_id"),
    )
    op.create_index("ix_refunds_buyer_id", "refunds", ["buyer_id", "created_at", "id"])
    op.create_index("ix_refunds_created_at", "refunds", ["created_at", "id"])
    for column in ("payment_id", "order_id", "settle_at", "made_at"):
        op.create_index(f"ix_refunds_{column}", "refunds", [column])
    return refunds


def _create_money_ledger() -> tuple[sa.Table, sa.Table]:
    records = op.create_table(
        "money_records",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("ix_money_records_subject_id", "money_records", ["subject_id"])
    entries = op.create_table(
        "money_entries",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=48), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["money_records.id"]),
        sa.PrimaryKeyConstraint("record_id", "account"),
    )
    op.create_index("ix_money_entries_account", "money_entries", ["account"])
    return records, entries


def _create_reconciliation() -> None:
    op.create_table(
        "reconciliation_windows",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("after", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.create_table(
        "reconciliation_findings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("mended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    found = "reconciliation_findings"
    op.create_index(f"ix_{found}_found_at", found, ["found_at", "id"])
    op.create_index(f"ix_{found}_state", found, ["state", "found_at", "id"])


def _carry_over(refunds: sa.Table, records: sa.Table, entries: sa.Table) -> None:
    """What was paid, given back and owed before there were rows for it. Only fees were ever given back."""
    connection = op.get_bind()
    payments = sa.table("payments", *map(sa.column, ("id", "order_id", "buyer_id", "state", "method", "amount")))
    for name in ("currency", "coins", "fee_id", "created_at", "captured_at", "changed_at", "settle_at", "refunded"):
        payments.append_column(sa.column(name, UtcDateTime() if name.endswith("_at") else None))
    taken = sa.select(payments).where(payments.c.captured_at.is_not(None))
    for payment in connection.execute(taken).mappings().all():
        income = "house.fees" if payment["fee_id"] else "house.sales"
        if payment["method"] == "card":
            _post(records, entries, "captured", payment, payment["captured_at"], income, "house.provider")
        if payment["state"] in ("refunding", "refunded"):
            row = _refund_of(payment)
            connection.execute(refunds.insert().values(row))
            changes = {"refunded": payment["amount"], "settle_at": None}
            connection.execute(payments.update().where(payments.c.id == payment["id"]).values(changes))
            if row["made_at"] is not None and payment["method"] == "card":
                _post(records, entries, "refunded", row, row["made_at"], "house.provider", income)
    payouts = sa.table("payouts", *map(sa.column, ("id", "person_id", "amount", "currency", "state")))
    payouts.append_column(sa.column("created_at", UtcDateTime()))
    for payout in connection.execute(sa.select(payouts).where(payouts.c.state == "due")).mappings().all():
        donor = f"donors.{payout['person_id']}"
        _post(records, entries, "share_due", payout, payout["created_at"], donor, "house.shares")


def _refund_of(payment: Any) -> dict[str, Any]:
    is_made = payment["state"] == "refunded"
    return {
        "id": "rfd_" + payment["id"].removeprefix("pay_"),
        "unique_key": f"fee:{payment['fee_id']}",
        "payment_id": payment["id"],
        "order_id": payment["order_id"],
        "buyer_id": payment["buyer_id"],
        "reason": "fee",
        "state": "made" if is_made else "pending",
        "method": payment["method"],
        "amount": payment["amount"],
        "currency": payment["currency"],
        "coins": payment["coins"],
        "attempt": 1,
        "created_at": payment["changed_at"],
        "settle_at": None if is_made else payment["changed_at"],
        "made_at": payment["changed_at"] if is_made else None,
        "version": 1,
    }


def _post(
    records: sa.Table,
    entries: sa.Table,
    kind: str,
    subject: Any,
    at: datetime,
    source: str,
    target: str,
) -> None:
    record_id = new_id("mrc")
    row = {"id": record_id, "unique_key": f"{kind}:{subject['id']}", "kind": kind, "subject_id": subject["id"]}
    op.execute(records.insert().values(row | {"currency": subject["currency"], "created_at": at}))
    for account, amount in ((source, -subject["amount"]), (target, subject["amount"])):
        op.execute(entries.insert().values(record_id=record_id, account=account, amount=amount))


def downgrade() -> None:
    later = ("reconciliation_findings", "reconciliation_windows", "money_entries", "money_records")
    for name in (*later, "purchases", "refunds"):
        op.drop_table(name)
    with op.batch_alter_table("payouts") as table:
        table.drop_index("ix_payouts_created_at")
        table.drop_column("reference")
    with op.batch_alter_table("payments") as table:
        table.drop_index("ix_payments_created_at")
        table.drop_constraint("ck_payments_refunded", type_="check")
        table.drop_column("reconciled_at")
        table.drop_column("attempt")
        table.drop_column("refunded")
