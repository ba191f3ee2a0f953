"""Payouts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.money import Money
from libs.chassis.types import UtcDateTime
from services.billing.base import Base
from services.billing.payouts.rules import LIFECYCLE


class Payout(Base):
    """The donor's share of one sale, in money. A product that is sold again after a return is another sale.

    It is due when the buyer can no longer return the product; `reference` is that of the bank transfer.
    """

    __tablename__ = "payouts"
    __table_args__ = (
        UniqueConstraint("product_id", "buying_order_id", name="uq_payouts_sale"),
        Index("ix_payouts_person_id", "person_id", "created_at", "id"),
        Index("ix_payouts_state", "state", "created_at"),
        Index("ix_payouts_created_at", "created_at", "id"),
        Index("ix_payouts_buying_order_id", "buying_order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36))
    order_id: Mapped[str] = mapped_column(String(36))
    product_id: Mapped[str] = mapped_column(String(36))
    buying_order_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(8))
    price: Mapped[int] = mapped_column(BigInteger)
    share_percent: Mapped[int] = mapped_column(Integer)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reference: Mapped[str | None] = mapped_column(String(140))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    def change_state(self, state: str) -> None:
        """Bring the payout into another state; IllegalTransition."""
        self.state = LIFECYCLE.apply(self.state, state)
