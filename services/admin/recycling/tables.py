"""Recycling factories, and handovers of packages to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from libs.chassis.types import UtcDateTime
from services.admin.base import Base
from services.admin.packages.tables import Package


class Factory(Base):
    """A recycling factory."""

    __tablename__ = "factories"
    __table_args__ = (Index("ix_factories_created_at", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    address: Mapped[str] = mapped_column(String(300))
    email: Mapped[str | None] = mapped_column(String(254))
    is_active: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}


class Handover(Base):
    """Bad packages that left for a factory, with the name that the factory had then."""

    __tablename__ = "handovers"
    __table_args__ = (Index("ix_handovers_created_at", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    factory_id: Mapped[str] = mapped_column(ForeignKey("factories.id"))
    factory_name: Mapped[str] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    recorded_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    packages: Mapped[list[Package]] = relationship(order_by="Package.id", lazy="selectin")
