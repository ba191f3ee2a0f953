"""Rights to open doors, the grants that controllers check, and the codes that were used."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis import clock
from libs.chassis.ids import new_id
from libs.chassis.types import UtcDateTime
from services.locker.base import Base
from services.locker.doors import grant_rules, rules


class DoorRight(Base):
    """The right of a person to open a box for an order and one purpose; its states are those of `doors.rules`."""

    __tablename__ = "door_rights"
    __table_args__ = (
        Index("ix_door_rights_person_id", "person_id", "state", "location_id", "id"),
        Index("ix_door_rights_order_id", "order_id", "state"),
        Index("ix_door_rights_location_id", "location_id", "state", "id"),
        Index("ix_door_rights_box_id", "box_id", "state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: new_id("rgt"))
    purpose: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(6), default=rules.LIFECYCLE.initial)
    order_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str] = mapped_column(String(36))
    location_id: Mapped[str] = mapped_column(String(36))
    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"))
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Grant(Base):
    """A signed permission for a controller to open one door once; its states are those of `doors.grant_rules`."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_location_id", "location_id", "state", "expires_at"),
        Index("ix_grants_right_id", "right_id", "state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: new_id("grt"))
    right_id: Mapped[str] = mapped_column(ForeignKey("door_rights.id"))
    location_id: Mapped[str] = mapped_column(String(36))
    box_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str] = mapped_column(String(36))
    is_offline: Mapped[bool] = mapped_column(Boolean)
    """Valid for the day and encrypted for the person, so that it works while the location has no network."""
    state: Mapped[str] = mapped_column(String(6), default=grant_rules.LIFECYCLE.initial)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UsedCode(Base):
    """A code of a location that was used for a door right; it cannot be used for it again."""

    __tablename__ = "used_codes"
    __table_args__ = (Index("ix_used_codes_used_at", "used_at"),)

    right_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """The time step of the code, see `libs/chassis/door_codes.py`."""
    used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
