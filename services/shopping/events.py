"""Import this module to register all handlers, jobs and consistency checks of shopping."""

from __future__ import annotations

import services.shopping.cart.events
import services.shopping.cart.jobs
import services.shopping.consistency.checks
import services.shopping.holds.events
import services.shopping.holds.jobs
import services.shopping.inventory.jobs
import services.shopping.photos.jobs
import services.shopping.products.jobs
import services.shopping.recommendations.events
import services.shopping.returns.events  # noqa: F401
from services.shopping.registry import registry

__all__ = ["registry"]
