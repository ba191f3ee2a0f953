"""Orders that wait for a box, deliveries, and the work orders that were applied."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.types import UtcDateTime
from services.locker.base import Base


class BoxRequest(Base):
    """An order that waits for a box at a full location."""

    __tablename__ = "box_requests"
    __table_args__ = (Index("ix_box_requests_requested_at", "requested_at"),)

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    """The deliveryman who puts the package into the box, once there is one."""


class Delivery(Base):
    """The person for whom a box is held and who picks the package up.

    It has ended when the package was picked up or its order was cancelled; then no box is held for the order.
    """

    __tablename__ = "deliveries"

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    recipient_id: Mapped[str] = mapped_column(String(36))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AppliedWorkOrder(Base):
    """The version of the newest work order event that was applied to an order, for one purpose of its door."""

    __tablename__ = "applied_work_orders"

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
