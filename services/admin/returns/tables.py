"""Returns of buying orders, and what was agreed with their buyers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.money import Money
from libs.chassis.types import Json, UtcDateTime
from services.admin.base import Base


class BuyingReturn(Base):
    """A copy of a return of the customer domain; `items` are its products with their titles and prices."""

    __tablename__ = "buying_returns"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))
    buyer_id: Mapped[str] = mapped_column(String(36))
    price_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    items: Mapped[Any] = mapped_column(Json)
    is_force_cancelled: Mapped[bool] = mapped_column(Boolean, default=False)


class ReturnContact(Base):
    """What was agreed with a buyer on clothes that came back bad: once for each return."""

    __tablename__ = "return_contacts"

    return_id: Mapped[str] = mapped_column(ForeignKey("buying_returns.id"), primary_key=True)
    contacted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    channel: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(String(2000))
    refund_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    decided_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def refund(self) -> Money:
        return Money(self.refund_amount, self.currency)
