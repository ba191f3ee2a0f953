"""Work orders with the customers' orders in them, orders whose work was stopped, and copies of locations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from libs.chassis.types import Json, UtcDateTime
from services.admin.base import Base
from services.admin.packages.tables import Package


class WorkOrder(Base):
    """Work of one kind for one person: collecting, checking, packing or shipping.

    `area` and `deliveryman_id` are those of its location when it was created.
    """

    __tablename__ = "work_orders"
    __table_args__ = (
        Index("ix_work_orders_assignee_id", "assignee_id", "kind", "created_at", "id"),
        Index("ix_work_orders_state", "state", "created_at", "id"),
        Index("ix_work_orders_kind", "kind", "created_at", "id"),
        Index("ix_work_orders_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))
    assignee_id: Mapped[str | None] = mapped_column(String(36))
    location_id: Mapped[str] = mapped_column(String(36))
    location_name: Mapped[str] = mapped_column(String(120))
    area: Mapped[str | None] = mapped_column(String(80))
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    result: Mapped[str | None] = mapped_column(String(4))
    notes: Mapped[str | None] = mapped_column(String(2000))
    photo_keys: Mapped[Any] = mapped_column(Json)
    """`id` and `key` of each photo of a check."""
    reason: Mapped[str | None] = mapped_column(String(500))
    """Why it failed."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    orders: Mapped[list[IncludedOrder]] = relationship(order_by="IncludedOrder.position", lazy="selectin")
    __mapper_args__ = {"version_id_col": version}

    @property
    def remaining_orders(self) -> list[IncludedOrder]:
        """The orders that were not removed from it."""
        return [order for order in self.orders if order.removed_at is None]

    def get_order(self, order_id: str) -> IncludedOrder:
        """The row of a customer's order that it includes or included."""
        [included] = [included for included in self.orders if included.order_id == order_id]
        return included


class IncludedOrder(Base):
    """A customer's order in a work order; of each kind of work order, at most one includes it.

    `contents` are the products of a buying order or of its return, which get the results of their check.
    """

    __tablename__ = "included_orders"
    __table_args__ = (UniqueConstraint("order_id", "kind", name="uq_included_orders_order"),)

    work_order_id: Mapped[str] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    order_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(10))
    donation_id: Mapped[str | None] = mapped_column(String(36))
    box_id: Mapped[str | None] = mapped_column(String(36))
    contents: Mapped[Any] = mapped_column(Json, default=list)
    scanned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    box_emptied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    package: Mapped[Package | None] = relationship(
        primaryjoin="foreign(IncludedOrder.order_id) == Package.order_id", viewonly=True, lazy="selectin"
    )


class StoppedOrder(Base):
    """An order that is no longer to be collected, packed or shipped, also if its work would be created later."""

    __tablename__ = "stopped_orders"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    stopped_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Location(Base):
    """A copy of a location of the locker domain, as its newest event described it."""

    __tablename__ = "locations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    area: Mapped[str | None] = mapped_column(String(80))
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    last_event_at: Mapped[datetime] = mapped_column(UtcDateTime)
