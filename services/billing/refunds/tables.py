"""Refunds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.money import Money
from libs.chassis.types import UtcDateTime
from services.billing.base import Base
from services.billing.refunds.rules import LIFECYCLE


class Refund(Base):
    """Money or coins of a payment that are given back; `unique_key` makes it idempotent.

    `replaces` is the failed refund that this one replaces; `reference` is that of a bank transfer. `attempt` is
    part of the provider's idempotency key. `settle_at`: when the provider is called next about it.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="ck_refunds_amount"),
        Index("ix_refunds_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_refunds_created_at", "created_at", "id"),
        Index("ix_refunds_payment_id", "payment_id"),
        Index("ix_refunds_order_id", "order_id"),
        Index("ix_refunds_return_id", "return_id"),
        Index("ix_refunds_settle_at", "settle_at"),
        Index("ix_refunds_completed_at", "completed_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"))
    order_id: Mapped[str] = mapped_column(String(36))
    return_id: Mapped[str | None] = mapped_column(String(36))
    buyer_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12))
    method: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    coins: Mapped[int | None] = mapped_column(BigInteger)
    provider_refund_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    failure_code: Mapped[str | None] = mapped_column(String(64))
    replaces: Mapped[str | None] = mapped_column(ForeignKey("refunds.id"), unique=True)
    reference: Mapped[str | None] = mapped_column(String(140))
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settle_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reconciled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    def change_state(self, state: str) -> None:
        """Bring the refund into another state, in which nothing is to be settled; IllegalTransition."""
        self.state, self.settle_at = LIFECYCLE.apply(self.state, state), None
