"""The billing service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.db import Json, UtcDateTime
from libs.chassis.money import Money


class Base(DeclarativeBase):
    """The base of this service's tables."""


class Payment(Base):
    """A payment for an order. `live_order_id` is the order while the payment may still succeed, else null: it is
    unique, so that an order has one live payment."""

    __tablename__ = "payments"
    __table_args__ = (
        Index("ix_payments_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_payments_order_id", "order_id"),
        Index("ix_payments_settle_at", "settle_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))
    live_order_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    method: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    lines: Mapped[Any] = mapped_column(Json)
    provider_method_id: Mapped[str] = mapped_column(String(100))
    provider_intent_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    next_action: Mapped[Any] = mapped_column(Json, nullable=True)
    client_secret: Mapped[str | None] = mapped_column(String(200))
    failure_code: Mapped[str | None] = mapped_column(String(64))
    failure_message: Mapped[str | None] = mapped_column(String(300))
    card_brand: Mapped[str | None] = mapped_column(String(20))
    card_last4: Mapped[str | None] = mapped_column(String(4))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settle_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    captured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class ProviderEvent(Base):
    """An event of the provider that was taken; the primary key makes twice once."""

    __tablename__ = "provider_events"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
