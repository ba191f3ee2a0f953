"""The coin ledger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.billing.base import Base


class CoinAccount(Base):
    """An account of the coin ledger: a person's wallet, a person's debt (never above zero), or one of the house.

    Accounts of the house have no `balance`: every transaction changes one of them, and all transactions would wait
    for its row. Their balance is the sum of their entries.
    """

    __tablename__ = "coin_accounts"
    __table_args__ = (
        CheckConstraint("kind <> 'wallet' OR balance >= 0", name="ck_coin_accounts_wallet"),
        CheckConstraint("kind <> 'debt' OR balance <= 0", name="ck_coin_accounts_debt"),
    )

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    kind: Mapped[str] = mapped_column(String(6))
    person_id: Mapped[str | None] = mapped_column(String(36))
    balance: Mapped[int | None] = mapped_column(BigInteger)


class CoinRecord(Base):
    """A transaction of the coin ledger, as its person sees it; `unique_key` makes it idempotent.

    Triggers in the database refuse every UPDATE and DELETE of records and entries.
    """

    __tablename__ = "coin_records"
    __table_args__ = (
        Index("ix_coin_records_person_id", "person_id", "created_at", "id"),
        Index("ix_coin_records_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    person_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(String(20))
    coins: Mapped[int] = mapped_column(BigInteger)
    order_id: Mapped[str | None] = mapped_column(String(36))
    note: Mapped[str | None] = mapped_column(String(300))
    assigned_by: Mapped[str | None] = mapped_column(String(64))
    balance_after: Mapped[int] = mapped_column(BigInteger)
    debt_after: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CoinEntry(Base):
    """The change of one account by a record; the entries of a record sum to zero."""

    __tablename__ = "coin_entries"
    __table_args__ = (Index("ix_coin_entries_account_id", "account_id"),)

    record_id: Mapped[str] = mapped_column(ForeignKey("coin_records.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("coin_accounts.id"), primary_key=True)
    coins: Mapped[int] = mapped_column(BigInteger)
