"""Packages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.admin.base import Base


class Package(Base):
    """What an order is packed in: one for each order, identified by the tracking code on its label."""

    __tablename__ = "packages"
    __table_args__ = (
        Index("ix_packages_result", "result", "handover_id", "checked_at", "id"),
        Index("ix_packages_handover_id", "handover_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36), unique=True)
    tracking_code: Mapped[str] = mapped_column(String(40), unique=True)
    result: Mapped[str | None] = mapped_column(String(4))
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handover_id: Mapped[str | None] = mapped_column(ForeignKey("handovers.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}
