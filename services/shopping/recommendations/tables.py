"""Customers' sizes and preferences, copied from the events of the customer service (story b-pr-01)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json
from services.shopping.base import Base


class PreferencesRow(Base):
    """`version` is that of the profile event; a later event with a lower version is ignored."""

    __tablename__ = "preferences"

    customer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    body_sizes: Mapped[Any] = mapped_column(Json)
    preferences: Mapped[Any] = mapped_column(Json)
