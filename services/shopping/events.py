"""Registers the event handlers, periodic jobs and checks of every noun with shopping's registry."""

from __future__ import annotations

from services.shopping.cart import events as _cart_events  # noqa: F401
from services.shopping.cart import jobs as _cart_jobs  # noqa: F401
from services.shopping.consistency import checks as _checks  # noqa: F401
from services.shopping.holds import events as _hold_events  # noqa: F401
from services.shopping.holds import jobs as _hold_jobs  # noqa: F401
from services.shopping.inventory import jobs as _inventory_jobs  # noqa: F401
from services.shopping.photos import jobs as _photo_jobs  # noqa: F401
from services.shopping.products import jobs as _product_jobs  # noqa: F401
from services.shopping.recommendations import events as _recommendation_events  # noqa: F401
from services.shopping.registry import registry
from services.shopping.returns import events as _return_events  # noqa: F401

__all__ = ["registry"]
