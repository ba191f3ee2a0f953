"""How far the reconciliation has come, and the payment discrepancies."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.billing.base import Base


class ReconciliationWindow(Base):
    """The span of time that is compared with the provider; one row for payments and one for refunds.

    `after` is the last provider id that was compared in it.
    """

    __tablename__ = "reconciliation_windows"

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    after: Mapped[str | None] = mapped_column(String(100))


class PaymentDiscrepancy(Base):
    """Something about a payment, a refund or an order that is wrong; `unique_key` is its kind and its subject.

    It is resolved when the cause is gone, or closed by a manager with a note on what was done.
    """

    __tablename__ = "payment_discrepancies"
    __table_args__ = (
        Index("ix_payment_discrepancies_found_at", "found_at", "id"),
        Index("ix_payment_discrepancies_state", "state", "found_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(100))
    payment_id: Mapped[str | None] = mapped_column(String(36))
    detail: Mapped[str] = mapped_column(String(300))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(500))
