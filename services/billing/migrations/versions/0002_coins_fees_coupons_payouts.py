"""The coin ledger, fees and their payments, coupons and payouts."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.migrations import forbid_changes
from libs.chassis.types import UtcDateTime

revision = "0002"
down_revision = "0001"

UNCHANGEABLE = {
    "coin_records": "id = NEW.id",
    "coin_entries": "record_id = NEW.record_id AND account_id = NEW.account_id",
}
HOUSE = ("house.rewards", "house.spending")


def upgrade() -> None:
    with op.batch_alter_table("payments") as table:
        table.alter_column("provider_method_id", existing_type=sa.String(length=100), nullable=True)
        table.add_column(sa.Column("fee_id", sa.String(length=36), nullable=True))
        table.add_column(sa.Column("coins", sa.BigInteger(), nullable=True))
    _create_ledger()
    _create_orders_and_fees()
    _create_coupons()
    _create_payouts()


def _create_ledger() -> None:
    accounts = op.create_table(
        "coin_accounts",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind <> 'wallet' OR balance >= 0", name="ck_coin_accounts_wallet"),
        sa.CheckConstraint("kind <> 'debt' OR balance <= 0", name="ck_coin_accounts_debt"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(accounts, [{"id": name, "kind": "house", "person_id": None, "balance": None} for name in HOUSE])
    op.create_table(
        "coin_records",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unique_key", sa.String(length=80), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=True),
        sa.Column("note", sa.String(length=300), nullable=True),
        sa.Column("given_by", sa.String(length=64), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("debt_after", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
    )
    op.create_index("ix_coin_records_person_id", "coin_records", ["person_id", "created_at", "id"])
    op.create_index("ix_coin_records_order_id", "coin_records", ["order_id"])
    op.create_table(
        "coin_entries",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=48), nullable=False),
        sa.Column("coins", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["coin_records.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["coin_accounts.id"]),
        sa.PrimaryKeyConstraint("record_id", "account_id"),
    )
    op.create_index("ix_coin_entries_account_id", "coin_entries", ["account_id"])
    op.create_table(
        "ledger_checks",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    for table, same_row in UNCHANGEABLE.items():
        forbid_changes(op, table, same_row)


def _create_orders_and_fees() -> None:
    op.create_table(
        "followed_orders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("donation_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("order_version", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", UtcDateTime(), nullable=False),
        sa.Column("rewards_ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
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
        sa.Column("given_by", sa.String(length=64), nullable=True),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("used_by", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_key"),
        sa.UniqueConstraint("code"),
    )
    op.create_index("ix_coupons_person_id", "coupons", ["person_id", "given_at", "id"])
    op.create_index("ix_coupons_given_at", "coupons", ["given_at", "id"])
    op.create_index("ix_coupons_state", "coupons", ["state", "given_at", "id"])
    op.create_index("ix_coupons_state_valid_until", "coupons", ["state", "valid_until"])
    op.create_index("ix_coupons_order_id", "coupons", ["order_id"])


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
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("product_id", "buying_order_id", name="uq_payouts_sale"),
    )
    op.create_index("ix_payouts_person_id", "payouts", ["person_id", "created_at", "id"])
    op.create_index("ix_payouts_state", "payouts", ["state", "created_at"])
    op.create_index("ix_payouts_buying_order_id", "payouts", ["buying_order_id"])


def downgrade() -> None:
    later = ("payouts", "coupons", "fees", "followed_orders", "ledger_checks")
    for name in (*later, "coin_entries", "coin_records", "coin_accounts"):
        op.drop_table(name)
    payments = sa.table("payments", sa.column("fee_id"), sa.column("provider_method_id"))
    op.execute(payments.delete().where(payments.c.provider_method_id.is_(None)))  # only coins had none
    with op.batch_alter_table("payments") as table:
        table.drop_column("coins")
        table.drop_column("fee_id")
        table.alter_column("provider_method_id", existing_type=sa.String(length=100), nullable=False)
