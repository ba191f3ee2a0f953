"""The tables of returns of purchases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from libs.chassis.db import UtcDateTime
from libs.chassis.money import Money
from services.customer.tables import Base, HasTimeline, TimelineEntry


class BuyingReturn(HasTimeline, Base):
    """The return of products of a buying order by its buyer."""

    __tablename__ = "buying_returns"
    __table_args__ = (
        Index("ix_buying_returns_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_buying_returns_buyer_id_state", "buyer_id", "state", "created_at", "id"),
        Index("ix_buying_returns_state", "state", "created_at", "id"),
        Index("ix_buying_returns_state_deposit_until", "state", "deposit_until", "id"),
        Index("ix_buying_returns_created_at", "created_at", "id"),
        Index("ix_buying_returns_order_id", "order_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"))
    buyer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(500))
    location_id: Mapped[str] = mapped_column(String(36))
    location_name: Mapped[str] = mapped_column(String(120))
    box_id: Mapped[str] = mapped_column(String(36))
    box_label: Mapped[str] = mapped_column(String(20))
    deposit_until: Mapped[datetime] = mapped_column(UtcDateTime)
    """The deadline for putting the clothes into the box."""
    is_whole_order: Mapped[bool] = mapped_column(Boolean)
    """Whether the buyer keeps nothing of the order."""
    price_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    refund_amount: Mapped[int | None] = mapped_column(BigInteger)
    """What the buyer gets back in all; None until it is decided."""
    is_force_cancelled: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it ended without a check of the clothes; they may be found and checked later."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    items: Mapped[list[ReturnedItem]] = relationship(
        lazy="raise", order_by="ReturnedItem.position", cascade="all, delete-orphan"
    )
    timeline: Mapped[list[BuyingReturnTimelineEntry]] = relationship(
        lazy="raise", order_by="BuyingReturnTimelineEntry.id", cascade="all, delete-orphan"
    )
    __mapper_args__ = {"version_id_col": version}

    @property
    def price(self) -> Money:
        return Money(self.price_amount, self.currency)

    @property
    def refund(self) -> Money | None:
        return None if self.refund_amount is None else Money(self.refund_amount, self.currency)

    @property
    def product_ids(self) -> list[str]:
        return [item.product_id for item in self.items]


class ReturnedItem(Base):
    """One product of a return, at the price that was paid for it; `check_result` is None before its check."""

    __tablename__ = "returned_items"

    return_id: Mapped[str] = mapped_column(ForeignKey("buying_returns.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    product_id: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    check_result: Mapped[str | None] = mapped_column(String(4))
    """`good` or `bad`."""
    check_reason: Mapped[str | None] = mapped_column(String(500))
    """Why it is bad."""

    @property
    def price(self) -> Money:
        return Money(self.amount, self.currency)


class BuyingReturnTimelineEntry(TimelineEntry, Base):
    """When the return of a purchase came into a state."""

    __tablename__ = "buying_return_timeline"

    return_id: Mapped[str] = mapped_column(ForeignKey("buying_returns.id"), index=True)
