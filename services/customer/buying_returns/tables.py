"""The tables of returns of purchases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.money import Money
from libs.chassis.types import UtcDateTime
from services.customer.base import Base, HasTimeline, ProductItem, TimelineEntry, owned_rows


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

    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"))
    buyer_id: Mapped[str] = mapped_column(String(36))
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
    items: Mapped[list[ReturnedItem]] = owned_rows("ReturnedItem.position")
    timeline: Mapped[list[BuyingReturnTimelineEntry]] = owned_rows("BuyingReturnTimelineEntry.id")

    @property
    def price(self) -> Money:
        return Money(self.price_amount, self.currency)

    @property
    def refund(self) -> Money | None:
        return None if self.refund_amount is None else Money(self.refund_amount, self.currency)

    @property
    def product_ids(self) -> list[str]:
        return [item.product_id for item in self.items]


class ReturnedItem(ProductItem, Base):
    """One product of a return."""

    __tablename__ = "returned_items"

    return_id: Mapped[str] = mapped_column(ForeignKey("buying_returns.id"), primary_key=True)
    check_result: Mapped[str | None] = mapped_column(String(4))
    """`good` or `bad`; None before its check."""
    check_reason: Mapped[str | None] = mapped_column(String(500))
    """Why it is bad."""


class BuyingReturnTimelineEntry(TimelineEntry, Base):
    """When the return of a purchase came into a state."""

    __tablename__ = "buying_return_timeline"

    return_id: Mapped[str] = mapped_column(ForeignKey("buying_returns.id"), index=True)
