"""Fees."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.types import UtcDateTime
from services.billing.base import Base
from services.billing.fees.rules import LIFECYCLE


class Fee(Base):
    """A fee of a donation that is cancelled (occupation) or returned (delivery), payable in money or in `coins`."""

    __tablename__ = "fees"
    __table_args__ = (Index("ix_fees_payer_id", "payer_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    order_id: Mapped[str] = mapped_column(String(36), unique=True)
    payer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    coins: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    def change_state(self, state: str) -> None:
        """Bring the fee into another state; IllegalTransition."""
        self.state, self.changed_at = LIFECYCLE.apply(self.state, state), clock.now()
