"""The base of shopping's relational tables, and the one import of all modules that define them."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass


# The metadata of `Base` is complete once these are imported. They import `Base`, so they come after it.
from services.shopping.cart import tables as _cart_tables  # noqa: E402, F401
from services.shopping.recommendations import tables as _recommendation_tables  # noqa: E402, F401
