"""Employees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json, UtcDateTime
from services.admin.base import Base


class Employee(Base):
    """A copy of an internal user of the auth domain, with the areas and kinds of work that a manager set.

    `kinds` is null while no manager set them: then the roles decide.
    """

    __tablename__ = "employees"
    __table_args__ = (Index("ix_employees_full_name", "full_name", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    full_name: Mapped[str] = mapped_column(String(120))
    roles: Mapped[Any] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(10))
    areas: Mapped[Any] = mapped_column(Json)
    kinds: Mapped[Any] = mapped_column(Json(none_as_null=True), nullable=True)
    last_event_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}
