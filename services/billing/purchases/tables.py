"""Buying orders as billing knows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json, UtcDateTime
from services.billing.base import Base


class Purchase(Base):
    """What billing knows of a buying order.

    `ended_at`: since when it is cancelled or expired. `kept_product_ids`: what its buyer can no longer return.
    `rewarded_at`: when its rewards were decided. `completed_at`: when its last return window closed.
    """

    __tablename__ = "purchases"

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kept_product_ids: Mapped[Any] = mapped_column(Json)
    returned_product_ids: Mapped[Any] = mapped_column(Json)
    rewarded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def includes(self, product_id: str) -> bool:
        """Whether the buyer has a product of the order: the order has not ended, and it was not returned."""
        return self.ended_at is None and product_id not in self.returned_product_ids
