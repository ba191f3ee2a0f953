"""The tables of billing and those of the chassis."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.migrations import forbid_changes
from libs.chassis.types import UtcDateTime

revision = "0001"
down_revision = None

# Ledger tables whose rows cannot be changed, with the condition of the triggers for the same row.
IMMUTABLE = {
    "coin_records": "id = NEW.id",
    "coin_entries": "record_id = NEW.record_id AND account_id = NEW.account_id",
    "money_records": "id = NEW.id",
    "money_entries": "record_id = NEW.record_id AND account = NEW.account",
}
HOUSE_ACCOUNTS = ("house.rewards", "house.spending")
TABLES = (
    "payments",
    "refunds",
    "purchases",
    "donation_states",
    "fees",
    "coupons",
    "payouts",
    "coin_accounts",
    "coin_records",
    "coin_entries",
    "money_records",
    "money_entries",
    "ledger_checks",
    "reconciliation_windows",
    "payment_discrepancies",
    "provider_events",
)


def upgrade() -> None:
    create_chassis_tables(op)
    _create_payments()
    _create_refunds()
    _create_purchases_and_donations()
    _create_fees()
    _create_coupons()
    _create_payouts()
    _create_coin_ledger()
    _create_money_ledger()
    _create_reconciliation()
    _create_provider_events()
    for table, same_row in IMMUTABLE.items():
        forbid_changes(op, table, same_row)


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("live_order_id", sa.String(length=36), nullable=True),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("fee_id", sa.String(length=36), nullable=True),
        sa.Column("coins", sa.BigInteger(), nullable=True),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("provider_method_id", sa.String(length=100), nullable=True),
        sa.Column("provider_intent_id", sa.String(length=100), nullable=True),
        sa.Column("next_action", sa.JSON(), nullable=True),
        sa.Column("client_secret", sa.String(length=200), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("failure_message", sa.String(length=300), nullable=True),
        sa.Column("card_brand", sa.String(length=20), nullable=True),
        sa.Column("card_last4", sa.String(length=4), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("settle_at", UtcDateTime(), nullable=True),
        sa.Column("captured_at", UtcDateTime(), nullable=True),
        sa.Column("reconciled_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("refunded >= 0 AND refunded <= amount", name="ck_payments_refunded"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("live_order_id"),
        sa.UniqueConstraint("provider_intent_id"),
    )
    op.create_index("ix_payments_buyer_id", "payments", ["buyer_id", "created_at", "id"])
    op.create_index("ix_payments_created_at", "payments", ["created_at", "id"])
    op.create_index("ix_payments_order_id", "payments", ["order_id"])
    op.create_index("ix_payments_settle_at", "payments", ["settle_at"])
    op.create_index("ix_payments_state", "payments", ["state", "changed_at", "id"])


def _create_refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=80), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("return_id", sa.String(length=36), nullable=True),
        sa.Column("buyer_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=True),
        sa.Column("provider_refund_id", sa.String(length=100), nullable=True),
        sa.Column("failure_code", sa.String(length=64), nullable=True),
        sa.Column("replaces", sa.String(length=36), nullable=True),
        sa.Column("reference", sa.String(length=140), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settle_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("reconciled_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_refunds_amount"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"]),
        sa.ForeignKeyConstraint(["replaces"], ["refunds.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider_refund_id"),
        sa.UniqueConstraint("replaces"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("ix_refunds_buyer_id", "refunds", ["buyer_id", "created_at", "id"])
    op.create_index("ix_refunds_completed_at", "refunds", ["completed_at"])
    op.create_index("ix_refunds_created_at", "refunds", ["created_at", "id"])
    op.create_index("ix_refunds_order_id", "refunds", ["order_id"])
    op.create_index("ix_refunds_payment_id", "refunds", ["payment_id"])
    op.create_index("ix_refunds_return_id", "refunds", ["return_id"])
    op.create_index("ix_refunds_settle_at", "refunds", ["settle_at"])


def _create_purchases_and_donations() -> None:
    op.create_table(
        "purchases",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("kept_product_ids", sa.JSON(), nullable=False),
        sa.Column("returned_product_ids", sa.JSON(), nullable=False),
        sa.Column("rewarded_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "donation_states",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("donation_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("order_version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("rewards_ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_fees() -> None:
    op.create_table(
        "fees",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("payer_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("paid_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id"),
    )
    op.create_index("ix_fees_payer_id", "fees", ["payer_id", "created_at", "id"])


def _create_coupons() -> None:
    op.create_table(
        "coupons",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=14), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("issued_by", sa.String(length=64), nullable=True),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("used_by", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("ix_coupons_issued_at", "coupons", ["issued_at", "id"])
    op.create_index("ix_coupons_order_id", "coupons", ["order_id"])
    op.create_index("ix_coupons_person_id", "coupons", ["person_id", "issued_at", "id"])
    op.create_index("ix_coupons_state", "coupons", ["state", "issued_at", "id"])
    op.create_index("ix_coupons_state_valid_until", "coupons", ["state", "valid_until"])


def _create_payouts() -> None:
    op.create_table(
        "payouts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("product_id", sa.String(length=36), nullable=False),
        sa.Column("buying_order_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("share_percent", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("paid_at", UtcDateTime(), nullable=True),
        sa.Column("reference", sa.String(length=140), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("product_id", "buying_order_id", name="uq_payouts_sale"),
    )
    op.create_index("ix_payouts_buying_order_id", "payouts", ["buying_order_id"])
    op.create_index("ix_payouts_created_at", "payouts", ["created_at", "id"])
    op.create_index("ix_payouts_person_id", "payouts", ["person_id", "created_at", "id"])
    op.create_index("ix_payouts_state", "payouts", ["state", "created_at"])


def _create_coin_ledger() -> None:
    accounts = op.create_table(
        "coin_accounts",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind <> 'debt' OR balance <= 0", name="ck_coin_accounts_debt"),
        sa.CheckConstraint("kind <> 'wallet' OR balance >= 0", name="ck_coin_accounts_wallet"),
        sa.PrimaryKeyConstraint("id"),
    )
    rows = [{"id": name, "kind": "house", "person_id": None, "balance": None} for name in HOUSE_ACCOUNTS]
    op.bulk_insert(accounts, rows)
    op.create_table(
        "coin_records",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=80), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("assigned_by", sa.String(length=64), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("debt_after", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("ix_coin_records_order_id", "coin_records", ["order_id"])
    op.create_index("ix_coin_records_person_id", "coin_records", ["person_id", "created_at", "id"])
    op.create_table(
        "coin_entries",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=48), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["coin_accounts.id"]),
        sa.ForeignKeyConstraint(["record_id"], ["coin_records.id"]),
        sa.PrimaryKeyConstraint("record_id", "account_id"),
    )
    op.create_index("ix_coin_entries_account_id", "coin_entries", ["account_id"])


def _create_money_ledger() -> None:
    op.create_table(
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
    op.create_table(
        "money_entries",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=48), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["money_records.id"]),
        sa.PrimaryKeyConstraint("record_id", "account"),
    )
    op.create_index("ix_money_entries_account", "money_entries", ["account"])
    op.create_table(
        "ledger_checks",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )


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
        "payment_discrepancies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("ix_payment_discrepancies_found_at", "payment_discrepancies", ["found_at", "id"])
    op.create_index("ix_payment_discrepancies_state", "payment_discrepancies", ["state", "found_at", "id"])


def _create_provider_events() -> None:
    op.create_table(
        "provider_events",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    drop_chassis_tables(op)
