"""The activity log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.ids import new_id
from libs.chassis.types import Json, UtcDateTime
from services.locker.base import Base


class Activity(Base):
    """An entry of the activity log of a location; `details` holds what only some kinds have, such as a reason."""

    __tablename__ = "activity"
    __table_args__ = (
        Index("ix_activity_location_id", "location_id", "at", "id"),
        Index("ix_activity_box_id", "box_id", "at", "id"),
        Index("ix_activity_at", "at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: new_id("act"))
    location_id: Mapped[str] = mapped_column(String(36))
    box_id: Mapped[str | None] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(30))
    order_id: Mapped[str | None] = mapped_column(String(36))
    person_id: Mapped[str | None] = mapped_column(String(36))
    details: Mapped[Any] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
