"""The tables of the shopping service: importing this module defines all of them in `Base.metadata`."""

from __future__ import annotations

import services.shopping.cart.tables
import services.shopping.recommendations.tables  # noqa: F401
from services.shopping.base import Base

__all__ = ["Base"]
