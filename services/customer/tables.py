"""The tables of the customer service: importing this module defines all of them in `Base.metadata`."""

from __future__ import annotations

import services.customer.buying_orders.tables
import services.customer.buying_returns.tables
import services.customer.donating_orders.tables
import services.customer.donation_returns.tables
import services.customer.first_orders
import services.customer.profile.tables  # noqa: F401
from services.customer.base import Base

__all__ = ["Base"]
