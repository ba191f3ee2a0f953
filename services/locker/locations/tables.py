"""Drop-off locations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Double, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.deadlines import DEFAULT_TIME_ZONE
from libs.chassis.types import UtcDateTime
from services.locker.base import Base

DEFAULT_THRESHOLD = 6


class Location(Base):
    """A place with drop-off boxes. Latitude and longitude in degrees (WGS 84)."""

    __tablename__ = "locations"
    __table_args__ = (
        Index("ix_locations_name", "name", "id"),
        Index("ix_locations_latitude", "latitude", "longitude"),
        Index("uq_locations_controller_id", "controller_id", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    street: Mapped[str] = mapped_column(String(200))
    city: Mapped[str] = mapped_column(String(80))
    postal_code: Mapped[str] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(2))
    latitude: Mapped[float] = mapped_column(Double)
    longitude: Mapped[float] = mapped_column(Double)
    opening_hours: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64), default=DEFAULT_TIME_ZONE)
    """A name of the tz database; deadlines at the location end with a day there."""
    area: Mapped[str | None] = mapped_column(String(80))
    threshold: Mapped[int] = mapped_column(Integer, default=DEFAULT_THRESHOLD)
    """The number of boxes with deposits at which a collection is requested."""
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    controller_id: Mapped[str | None] = mapped_column(String(36))
    """The OAuth client of the location's controller."""
    controller_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    """The number of the controller's last event that was received."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}
