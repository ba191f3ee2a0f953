"""The events that were received from controllers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.types import UtcDateTime
from services.locker.base import Base


class ControllerEvent(Base):
    """An event of a controller, in its own numbering; each number is received once."""

    __tablename__ = "controller_events"

    location_id: Mapped[str] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
