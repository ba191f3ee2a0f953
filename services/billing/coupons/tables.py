"""Off-line coupons."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.money import Money
from libs.chassis.types import UtcDateTime
from services.billing.base import Base
from services.billing.coupons.rules import LIFECYCLE


class Coupon(Base):
    """An off-line coupon. `unique_key` names what it was issued for, so that it is issued once."""

    __tablename__ = "coupons"
    __table_args__ = (
        Index("ix_coupons_person_id", "person_id", "issued_at", "id"),
        Index("ix_coupons_issued_at", "issued_at", "id"),
        Index("ix_coupons_state", "state", "issued_at", "id"),
        Index("ix_coupons_state_valid_until", "state", "valid_until"),
        Index("ix_coupons_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    code: Mapped[str] = mapped_column(String(14), unique=True)
    person_id: Mapped[str] = mapped_column(String(36))
    order_id: Mapped[str | None] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(8))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    note: Mapped[str | None] = mapped_column(String(300))
    issued_by: Mapped[str | None] = mapped_column(String(64))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_by: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def value(self) -> Money:
        return Money(self.amount, self.currency)

    def change_state(self, state: str) -> None:
        """Bring the coupon into another state; IllegalTransition."""
        self.state = LIFECYCLE.apply(self.state, state)
