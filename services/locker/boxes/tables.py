"""Drop-off boxes and their maintenance records."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.ids import new_id
from libs.chassis.types import UtcDateTime
from services.locker.base import Base
from services.locker.boxes.rules import LIFECYCLE


class Box(Base):
    """A drop-off box; its states are those of `boxes.rules.LIFECYCLE`."""

    __tablename__ = "boxes"
    __table_args__ = (
        Index("ix_boxes_location_id", "location_id", "id"),
        Index("ix_boxes_location_id_label", "location_id", "label", unique=True),
        Index("ix_boxes_location_id_state", "location_id", "state", "id"),
        Index("ix_boxes_state", "state", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: new_id("box"))
    location_id: Mapped[str] = mapped_column(ForeignKey("locations.id"))
    label: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), default=LIFECYCLE.initial)
    held_for_order_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    """The order for which the box is held, or whose package is in it."""
    held_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    out_of_service_reason: Mapped[str | None] = mapped_column(String(300))
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    """The deliveryman who collects from this box, if it is not the location's."""
    awaits_collection: Mapped[bool] = mapped_column(Boolean, default=False)
    """The box has a deposit for which no collection has been requested yet."""
    waiting_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the deposit began to wait for its collection."""
    is_reclaimed: Mapped[bool] = mapped_column(Boolean, default=False)
    """The donor takes the deposit back, so it must not be collected."""
    version: Mapped[int] = mapped_column(Integer, default=1)


class MaintenanceRecord(Base):
    """Why a box was out of service, from when to when, and who took it out and put it back."""

    __tablename__ = "maintenance_records"
    __table_args__ = (
        Index("ix_maintenance_records_box_id", "box_id", "opened_at", "id"),
        Index("ix_maintenance_records_opened_at", "opened_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: new_id("mnt"))
    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"))
    reason: Mapped[str] = mapped_column(String(300))
    opened_by: Mapped[str] = mapped_column(String(36))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_by: Mapped[str | None] = mapped_column(String(36))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
