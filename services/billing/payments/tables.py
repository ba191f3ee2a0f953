"""Payments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.types import Json, UtcDateTime
from services.billing.base import Base
from services.billing.payments.rules import ENDED, LIFECYCLE, schedule_settlement


class Payment(Base):
    """A payment of a buying order, or of the fee `fee_id` of a donation or its return.

    `live_order_id` is the order while the payment may still succeed or has succeeded, else null: it is unique, so
    an order has one live payment. `coins` is what a payment with coins costs; it has no card and no intent.
    `refunded` includes pending refunds, so that refunds never exceed the payment. `attempt` is part of the
    provider's idempotency keys. `settle_at`: when the provider is called next about it.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("refunded >= 0 AND refunded <= amount", name="ck_payments_refunded"),
        Index("ix_payments_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_payments_order_id", "order_id"),
        Index("ix_payments_settle_at", "settle_at"),
        Index("ix_payments_state", "state", "changed_at", "id"),
        Index("ix_payments_created_at", "created_at", "id"),
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
    fee_id: Mapped[str | None] = mapped_column(String(36))
    coins: Mapped[int | None] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    provider_method_id: Mapped[str | None] = mapped_column(String(100))
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
    reconciled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    def change_state(self, state: str) -> None:
        """Bring the payment into another state; IllegalTransition."""
        self.state, self.changed_at = LIFECYCLE.apply(self.state, state), clock.now()
        if state in ENDED:
            self.live_order_id = None
        at_provider = self.method == "card" and self.provider_intent_id is not None
        self.settle_at = schedule_settlement(state, at_provider=at_provider, now=self.changed_at)
