"""The tables of buying orders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from libs.chassis.deadlines import DEFAULT_TIME_ZONE
from libs.chassis.money import Money
from libs.chassis.types import UtcDateTime
from services.customer.base import Base, HasTimeline, ProductItem, TimelineEntry, owned_rows


class BuyingOrder(HasTimeline, Base):
    """An order to buy; shopping holds its items until `expires_at`."""

    __tablename__ = "buying_orders"
    __table_args__ = (
        Index("ix_buying_orders_buyer_id", "buyer_id", "placed_at", "id"),
        Index("ix_buying_orders_buyer_id_state", "buyer_id", "state", "placed_at", "id"),
        Index("ix_buying_orders_state", "state", "placed_at", "id"),
        Index("ix_buying_orders_placed_at", "placed_at", "id"),
        Index("ix_buying_orders_pickup_location_id", "pickup_location_id", "placed_at", "id"),
        Index("ix_buying_orders_total_amount", "total_amount", "id"),
        Index("ix_buying_orders_paid_at", "paid_at", "buyer_id"),
        Index("ix_buying_orders_return_until", "state", "return_until", "id"),
        Index("ix_buying_orders_pick_up_until", "state", "pick_up_until", "id"),
    )

    buyer_id: Mapped[str] = mapped_column(String(36))
    total_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    pickup_location_id: Mapped[str] = mapped_column(String(36))
    pickup_location_name: Mapped[str] = mapped_column(String(120))
    pickup_time_zone: Mapped[str] = mapped_column(String(64), default=DEFAULT_TIME_ZONE)
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    payment_id: Mapped[str | None] = mapped_column(String(36))
    is_first: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether it is the first purchase that its buyer picked up."""
    pick_up_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The deadline for taking it out of its box; None before it is in the box."""
    pick_up_reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_reason: Mapped[str | None] = mapped_column(String(20))
    """`not_picked_up` or `force_cancelled`; None when its buyer or its payment ended it."""
    return_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The end of the return window; None before it is picked up."""
    items: Mapped[list[BuyingOrderItem]] = owned_rows("BuyingOrderItem.position")
    timeline: Mapped[list[BuyingOrderTimelineEntry]] = owned_rows("BuyingOrderTimelineEntry.id")
    refunds: Mapped[list[OrderRefund]] = relationship(lazy="raise", order_by="OrderRefund.id", viewonly=True)

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)

    @property
    def product_ids(self) -> list[str]:
        return [item.product_id for item in self.items]


class BuyingOrderItem(ProductItem, Base):
    """One product of a buying order."""

    __tablename__ = "buying_order_items"
    __table_args__ = (Index("ix_buying_order_items_product_id", "product_id"),)

    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), primary_key=True)


class BuyingOrderTimelineEntry(TimelineEntry, Base):
    """When a buying order came into a state."""

    __tablename__ = "buying_order_timeline"
    __table_args__ = (Index("ix_buying_order_timeline_state", "state", "at", "order_id"),)

    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), index=True)


class OrderPlacement(Base):
    """An order that is being placed: shopping may hold its products already, and the order does not exist yet."""

    __tablename__ = "order_placements"
    __table_args__ = (
        Index("ix_order_placements_started_at", "started_at", "order_id"),
        Index("ix_order_placements_buyer_id", "buyer_id", "started_at", "order_id"),
    )

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    pickup_location_id: Mapped[str] = mapped_column(String(36))
    pickup_location_name: Mapped[str] = mapped_column(String(120))
    pickup_time_zone: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OrderRefund(Base):
    """A refund of an order, as billing reported it; `return_id` is None when the order was cancelled.

    A refund that the bank sent back is deleted; the refund that stands for it `replaces` it. They may arrive in any
    order.
    """

    __tablename__ = "order_refunds"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), index=True)
    return_id: Mapped[str | None] = mapped_column(String(36))
    payment_id: Mapped[str] = mapped_column(String(36))
    """The payment that was refunded."""
    replaces: Mapped[str | None] = mapped_column(String(36), index=True)
    method: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    completed_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class OrderWork(Base):
    """The latest state of a work order of a buying order, as admin reported it (story mf-bo-02)."""

    __tablename__ = "order_work"

    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), primary_key=True)
    work_order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))
    assignee_id: Mapped[str | None] = mapped_column(String(36))
    tracking_code: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(500))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
