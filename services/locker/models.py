"""The locker service's tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.db import UtcDateTime


class Base(DeclarativeBase):
    """The base of this service's tables."""


class Location(Base):
    """A place with drop-off boxes. Latitude and longitude in degrees (WGS 84)."""

    __tablename__ = "locations"
    __table_args__ = (Index("ix_locations_name", "name", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    street: Mapped[str] = mapped_column(String(200))
    city: Mapped[str] = mapped_column(String(80))
    postal_code: Mapped[str] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(2))
    latitude: Mapped[float] = mapped_column(Double)
    longitude: Mapped[float] = mapped_column(Double)
    opening_hours: Mapped[str] = mapped_column(String(200))


class Box(Base):
    """A drop-off box."""

    __tablename__ = "boxes"
    __table_args__ = (
        Index("ix_boxes_location_id", "location_id", "id"),
        Index("ix_boxes_location_id_label", "location_id", "label", unique=True),
        Index("ix_boxes_location_id_state", "location_id", "state", "id"),
        Index("ix_boxes_state", "state", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(ForeignKey("locations.id"))
    label: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    held_for_order_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    out_of_service_reason: Mapped[str | None] = mapped_column(String(300))
    version: Mapped[int] = mapped_column(Integer, default=1)


class BoxRequest(Base):
    """An order that waits for a box at a full location."""

    __tablename__ = "box_requests"
    __table_args__ = (Index("ix_box_requests_requested_at", "requested_at"),)

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
