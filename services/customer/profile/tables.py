"""The table of customers' profiles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json, UtcDateTime
from services.customer.base import Base


class Customer(Base):
    """A customer's profile; the id is the user id of auth."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    full_name: Mapped[str] = mapped_column(String(120))
    body_sizes: Mapped[Any] = mapped_column(Json)
    preferences: Mapped[Any] = mapped_column(Json)
    consents: Mapped[Any] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
