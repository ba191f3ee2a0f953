"""The saved cart, which outlives its copy in ElastiCache (story b-pr-02)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import Json
from services.shopping.base import Base


class CartRow(Base):
    """A cart as `StoredCart.to_document`. It is always read and written as a whole."""

    __tablename__ = "carts"
    __table_args__ = (
        Index("ix_carts_cache_behind", "cache_behind"),
        Index("ix_carts_updated_at_ms", "updated_at_ms"),
    )

    # For an anonymous cart the hash of its token (anonymous_carts.py).
    customer_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at_ms: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[Any] = mapped_column(Json)
    # The cart was changed here while ElastiCache was unavailable, so the copy there lacks the change.
    cache_behind: Mapped[bool] = mapped_column(Boolean)
