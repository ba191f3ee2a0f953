"""The saved cart, which outlives its copy in ElastiCache (story b-pr-02).

Times are Unix milliseconds, because entries are merged by them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from services.shopping.tables import Base


class CartRow(Base):
    __tablename__ = "carts"
    __table_args__ = (
        Index("ix_carts_cache_behind", "cache_behind"),
        Index("ix_carts_updated_at_ms", "updated_at_ms"),
    )

    # For an anonymous cart the hash of its token (anonymous_carts.py).
    customer_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    updated_at_ms: Mapped[int] = mapped_column(BigInteger)
    # The cart was changed here while ElastiCache was unavailable, so the copy there lacks the change.
    cache_behind: Mapped[bool] = mapped_column(Boolean)


class CartItemRow(Base):
    """One entry of a cart; `present` is false when the product was removed (rules.py)."""

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
