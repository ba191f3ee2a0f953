"""The base of the shopping service's tables, and the one import of all modules that define them."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of this service's tables."""


# The tables register themselves with `Base`, so these imports follow it.
import services.shopping.cart.tables  # noqa: E402
import services.shopping.recommendations.tables  # noqa: E402, F401
