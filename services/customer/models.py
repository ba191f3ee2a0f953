"""The customer service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from libs.chassis.db import Json, UtcDateTime
from libs.chassis.deadlines import DEFAULT_TIME_ZONE
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
        Index("ix_buying_orders_pickup_location_id", "pickup_location_id", "placed_at", "id"),
        Index("ix_buying_orders_total_amount", "total_amount", "id"),
        Index("ix_buying_orders_paid_at", "paid_at", "buyer_id"),
        Index("ix_buying_orders_return_until", "state", "return_until", "id"),
        Index("ix_buying_orders_pick_up_until", "state", "pick_up_until", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
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
    """The first purchase that its buyer picked up."""
    pick_up_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when it lies in its box; None before it is there."""
    pick_up_reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_reason: Mapped[str | None] = mapped_column(String(20))
    """`not_picked_up` or `given_up`; None when its buyer or its payment ended it."""
    return_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when it can be returned; None before it is picked up."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    items: Mapped[list[BuyingOrderItem]] = relationship(
        lazy="raise", order_by="BuyingOrderItem.position", cascade="all, delete-orphan"
    )
    timeline: Mapped[list[OrderTimelineEntry]] = relationship(
        lazy="raise", order_by="OrderTimelineEntry.id", cascade="all, delete-orphan"
    )
    refunds: Mapped[list[OrderRefund]] = relationship(lazy="raise", order_by="OrderRefund.id", viewonly=True)
    __mapper_args__ = {"version_id_col": version}

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)


class OrderAttempt(Base):
    """An order that is being placed: shopping may hold its products already, and the order is not there yet."""

    __tablename__ = "order_attempts"
    __table_args__ = (
        Index("ix_order_attempts_begun_at", "begun_at", "order_id"),
        Index("ix_order_attempts_buyer_id", "buyer_id", "begun_at", "order_id"),
    )

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    pickup_location_id: Mapped[str] = mapped_column(String(36))
    pickup_location_name: Mapped[str] = mapped_column(String(120))
    pickup_time_zone: Mapped[str] = mapped_column(String(64))
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)


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
    __table_args__ = (Index("ix_order_timeline_state", "state", "at", "order_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class OrderRefund(Base):
    """What a buyer has back of an order, as billing tells it; `return_id` is None when the order was cancelled.

    One that the bank sent back has gone; the row that stands for it `replaces` it, whichever is heard of first.
    """

    __tablename__ = "order_refunds"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), index=True)
    return_id: Mapped[str | None] = mapped_column(String(36))
    payment_id: Mapped[str | None] = mapped_column(String(36))
    """The payment that went back; None in rows of an older version."""
    replaces: Mapped[str | None] = mapped_column(String(36), index=True)
    method: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class OrderWork(Base):
    """What admin told last of a work order of a buying order (story mf-bo-02)."""

    __tablename__ = "order_work"

    order_id: Mapped[str] = mapped_column(ForeignKey("buying_orders.id"), primary_key=True)
    work_order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))
    assignee_id: Mapped[str | None] = mapped_column(String(36))
    tracking_code: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(500))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReturnBuyingOrder(Base):
    """Products of a buying order on their way back from their buyer."""

    __tablename__ = "return_buying_orders"
    __table_args__ = (
        Index("ix_return_buying_orders_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_return_buying_orders_buyer_id_state", "buyer_id", "state", "created_at", "id"),
        Index("ix_return_buying_orders_state", "state", "created_at", "id"),
        Index("ix_return_buying_orders_state_deposit_until", "state", "deposit_until", "id"),
        Index("ix_return_buying_orders_created_at", "created_at", "id"),
        Index("ix_return_buying_orders_order_id", "order_id", "created_at", "id"),
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
    """Until when the clothes have to be in the box."""
    is_whole_order: Mapped[bool] = mapped_column(Boolean)
    price_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    refund_amount: Mapped[int | None] = mapped_column(BigInteger)
    """What the buyer gets back; None until it is known."""
    is_given_up: Mapped[bool] = mapped_column(Boolean, default=False)
    """Nobody could check the clothes; they may be found later."""
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


class ReturnedItem(Base):
    """One product of a return, at the price that was paid for it. What its check gave (`good`, or `bad` and why) is
    null until then, and where an older version heard of the check."""

    __tablename__ = "returned_items"

    return_id: Mapped[str] = mapped_column(ForeignKey("return_buying_orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    product_id: Mapped[str] = mapped_column(String(36))
    title: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    check_result: Mapped[str | None] = mapped_column(String(4))
    check_reason: Mapped[str | None] = mapped_column(String(500))

    @property
    def price(self) -> Money:
        return Money(self.amount, self.currency)


class BuyingReturnTimelineEntry(Base):
    """When the return of a purchase came into a state."""

    __tablename__ = "return_buying_timeline"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    return_id: Mapped[str] = mapped_column(ForeignKey("return_buying_orders.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class FirstPurchase(Base):
    """The buyer's first purchase: at most one row each, so that two pick-ups at once are not both the first."""

    __tablename__ = "first_purchases"
    __table_args__ = (UniqueConstraint("order_id", name="uq_first_purchases_order_id"),)

    buyer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))


class DonatingOrder(Base):
    """Clothes on their way from a donor to the shelf or the recycling factory."""

    __tablename__ = "donating_orders"
    __table_args__ = (
        Index("ix_donating_orders_donor_id", "donor_id", "created_at", "id"),
        Index("ix_donating_orders_donor_id_state", "donor_id", "state", "created_at", "id"),
        Index("ix_donating_orders_state", "state", "created_at", "id"),
        Index("ix_donating_orders_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    donor_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    location_id: Mapped[str | None] = mapped_column(String(36))
    location_name: Mapped[str | None] = mapped_column(String(120))
    box_id: Mapped[str | None] = mapped_column(String(36))
    box_label: Mapped[str | None] = mapped_column(String(20))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_first: Mapped[bool] = mapped_column(Boolean, default=False)
    check_result: Mapped[str | None] = mapped_column(String(4))
    """`good` or `bad`, also while the order is on its way back."""
    state_before_return: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    items: Mapped[list[DonatingItem]] = relationship(
        lazy="raise", order_by="DonatingItem.id", cascade="all, delete-orphan"
    )
    timeline: Mapped[list[DonatingTimelineEntry]] = relationship(
        lazy="raise", order_by="DonatingTimelineEntry.id", cascade="all, delete-orphan"
    )
    __mapper_args__ = {"version_id_col": version}


class DonatingItem(Base):
    """One piece of a donation, as its donor describes it."""

    __tablename__ = "donating_items"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("donating_orders.id"), index=True)
    category: Mapped[str] = mapped_column(String(40))
    size: Mapped[str] = mapped_column(String(20))
    brand: Mapped[str | None] = mapped_column(String(80))
    colour: Mapped[str | None] = mapped_column(String(40))
    condition: Mapped[str] = mapped_column(String(20))
    story: Mapped[str | None] = mapped_column(String(2000))
    product_id: Mapped[str | None] = mapped_column(String(36), index=True)
    is_sold: Mapped[bool] = mapped_column(Boolean, default=False)
    photos: Mapped[list[DonatingPhoto]] = relationship(
        lazy="raise", order_by="DonatingPhoto.id", cascade="all, delete-orphan"
    )


class DonatingPhoto(Base):
    """A photo of a piece: promised (`size` in bytes), then uploaded and measured (`width`, `height` in pixels)."""

    __tablename__ = "donating_photos"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("donating_items.id"), index=True)
    key: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(20))
    size: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)

    @property
    def is_uploaded(self) -> bool:
        return self.width is not None


class DonatingTimelineEntry(Base):
    """When a donating order came into a state."""

    __tablename__ = "donating_timeline"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("donating_orders.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReturnDonatingOrder(Base):
    """A donation on its way back to its donor."""

    __tablename__ = "return_donating_orders"
    __table_args__ = (
        Index("ix_return_donating_orders_donor_id", "donor_id", "created_at", "id"),
        Index("ix_return_donating_orders_state", "state", "created_at", "id"),
        Index("ix_return_donating_orders_created_at", "created_at", "id"),
        Index("ix_return_donating_orders_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("donating_orders.id"))
    donor_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    location_id: Mapped[str] = mapped_column(String(36))
    location_name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    timeline: Mapped[list[ReturnTimelineEntry]] = relationship(
        lazy="raise", order_by="ReturnTimelineEntry.id", cascade="all, delete-orphan"
    )
    __mapper_args__ = {"version_id_col": version}


class ReturnTimelineEntry(Base):
    """When a return came into a state."""

    __tablename__ = "return_donating_timeline"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    return_id: Mapped[str] = mapped_column(ForeignKey("return_donating_orders.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class FirstDonation(Base):
    """The donor's first donation: at most one row each, so that two deposits at once are not both the first."""

    __tablename__ = "first_donations"
    __table_args__ = (UniqueConstraint("order_id", name="uq_first_donations_order_id"),)

    donor_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))
