"""The admin service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.db import Json, UtcDateTime


class Base(DeclarativeBase):
    """The base of this service's tables."""


class PackingOrder(Base):
    """The work of packing a paid order."""

    __tablename__ = "packing_orders"
    __table_args__ = (
        Index("ix_packing_orders_state", "state", "created_at", "id"),
        Index("ix_packing_orders_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36), unique=True)
    state: Mapped[str] = mapped_column(String(12))
    items: Mapped[Any] = mapped_column(Json)
    pickup_location_id: Mapped[str] = mapped_column(String(36))
    assignee_id: Mapped[str | None] = mapped_column(String(36))
    tracking_code: Mapped[str | None] = mapped_column(String(40), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}


class StoredSetting(Base):
    """A system setting that was changed from its default."""

    __tablename__ = "system_settings"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[str] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(Integer)
    __mapper_args__ = {"version_id_col": version}


class AuditEntry(Base):
    """Who did what, when, from where. Triggers in the database refuse every UPDATE and DELETE (domain rule 6)."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_occurred_at", "occurred_at", "id"),
        Index("ix_audit_entries_actor_id", "actor_id", "occurred_at", "id"),
        Index("ix_audit_entries_action", "action", "occurred_at", "id"),
        Index("ix_audit_entries_target", "target", "occurred_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    domain: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_roles: Mapped[Any] = mapped_column(Json)
    action: Mapped[str] = mapped_column(String(80))
    target: Mapped[str] = mapped_column(String(200))
    source_ip: Mapped[str] = mapped_column(String(64))
    before: Mapped[Any] = mapped_column(Json, nullable=True)
    after: Mapped[Any] = mapped_column(Json, nullable=True)
    request_id: Mapped[str] = mapped_column(String(128))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
