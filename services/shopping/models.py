"""The persisted cart, which outlives ElastiCache (b-pr-02), and what customers like to wear (b-pr-01)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.types import Json


class Base(DeclarativeBase):
    pass


class CartRow(Base):
    """A cart's head. Times are Unix milliseconds, because entries are merged by them to the millisecond."""

    __tablename__ = "carts"
    __table_args__ = (
        Index("ix_carts_cache_behind", "cache_behind"),
        Index("ix_carts_updated_at_ms", "updated_at_ms"),
    )

    # Of an anonymous cart the hash of its token, see anonymous_carts.py.
    customer_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at_ms: Mapped[int] = mapped_column(BigInteger)
    # Changed here while ElastiCache was away: its copy must learn of it when it is back.
    cache_behind: Mapped[bool] = mapped_column(Boolean)


class CartItemRow(Base):
    """One product of a cart, also one that was taken out (`present` false), see cart_entries.py."""

    __tablename__ = "cart_items"

    customer_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("carts.customer_id", ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    changed_at_ms: Mapped[int] = mapped_column(BigInteger)
    present: Mapped[bool] = mapped_column(Boolean)
    added_at_ms: Mapped[int] = mapped_column(BigInteger)
    price_amount: Mapped[int] = mapped_column(BigInteger)
    price_currency: Mapped[str] = mapped_column(String(3))


class TasteRow(Base):
    """A customer's own sizes and preferences, as customer told of them last."""

    __tablename__ = "tastes"

    customer_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    body_sizes: Mapped[Any] = mapped_column(Json)
    preferences: Mapped[Any] = mapped_column(Json)
