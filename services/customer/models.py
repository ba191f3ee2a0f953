"""The customer service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from libs.chassis.db import Json, UtcDateTime
from libs.chassis.money import Money
from libs.chassis.tables import BigId


class Base(DeclarativeBase):
    """The base of this service's tables."""


class Customer(Base):
    """A customer's profile; the id is the user id of auth."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    full_name: Mapped[str] = mapped_column(String(120))
    body_sizes: Mapped[Any] = mapped_column(Json)
    preferences: Mapped[Any] = mapped_column(Json)
    consents: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BuyingOrder(Base):
    """An order to buy; its items are held by shopping until `expires_at`."""

    __tablename__ = "buying_orders"
    __table_args__ = (
        Index("ix_buying_orders_buyer_id", "buyer_id", "placed_at", "id"),
        Index("ix_buying_orders_buyer_id_state", "buyer_id", "state", "placed_at", "id"),
        Index("ix_buying_orders_state", "state", "placed_at", "id"),
        Index("ix_buying_orders_placed_at", "placed_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    total_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    pickup_location_id: Mapped[str] = mapped_column(String(36))
    pickup_location_name: Mapped[str] = mapped_column(String(120))
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    payment_id: Mapped[str | None] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(Integer, default=1)
    items: Mapped[list[BuyingOrderItem]] = relationship(
        lazy="raise", order_by="BuyingOrderItem.position", cascade="all, delete-orphan"
    )
    timeline: Mapped[list[OrderTimelineEntry]] = relationship(
        lazy="raise", order_by="OrderTimelineEntry.id", cascade="all, delete-orphan"
    )
    __mapper_args__ = {"version_id_col": version}

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)


class BuyingOrderItem(Base):
    """One product of an order, with title and price as they were when it was placed."""

    __tablename__ = "buying_order_items"

    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    product_id: Mapped[str] = mapped_column(String(36), index=True)
    title: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))

    @property
    def price(self) -> Money:
        return Money(self.amount, self.currency)


class OrderTimelineEntry(Base):
    """When an order came into a state."""

    __tablename__ = "order_timeline"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
