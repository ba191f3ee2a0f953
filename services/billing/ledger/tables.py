"""The money ledger, and the results of the nightly check of both ledgers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json, UtcDateTime
from services.billing.base import Base


class MoneyRecord(Base):
    """A transaction of the money ledger; `unique_key` makes it idempotent.

    Triggers in the database refuse every UPDATE and DELETE of records and entries.
    """

    __tablename__ = "money_records"
    __table_args__ = (Index("ix_money_records_subject_id", "subject_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    subject_id: Mapped[str] = mapped_column(String(36))
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MoneyEntry(Base):
    """The change of one account by a record, in minor units; the entries of a record sum to zero."""

    __tablename__ = "money_entries"
    __table_args__ = (Index("ix_money_entries_account", "account"),)

    record_id: Mapped[str] = mapped_column(ForeignKey("money_records.id"), primary_key=True)
    account: Mapped[str] = mapped_column(String(48), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


class LedgerCheck(Base):
    """The result of one nightly check of both ledgers."""

    __tablename__ = "ledger_checks"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    faults: Mapped[Any] = mapped_column(Json)
