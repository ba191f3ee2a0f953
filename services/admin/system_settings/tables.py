"""System settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json, UtcDateTime
from services.admin.base import Base


class SettingValue(Base):
    """The value of a system setting. The database has those that were changed from their defaults.

    `version` counts the changes.
    """

    __tablename__ = "system_settings"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[str] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(Integer)
    __mapper_args__ = {"version_id_col": version}
