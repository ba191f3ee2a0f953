"""All handlers of events, periodic jobs and consistency checks: importing them registers them."""

from __future__ import annotations

from services.customer.buying_orders import events as _buying_order_events  # noqa: F401
from services.customer.buying_orders import jobs as _buying_order_jobs  # noqa: F401
from services.customer.buying_returns import events as _buying_return_events  # noqa: F401
from services.customer.buying_returns import jobs as _buying_return_jobs  # noqa: F401
from services.customer.consistency import checks as _checks  # noqa: F401
from services.customer.consistency import descriptions as _descriptions  # noqa: F401
from services.customer.donating_orders import events as _donating_order_events  # noqa: F401
from services.customer.donation_returns import events as _donation_return_events  # noqa: F401
from services.customer.profile import events as _profile_events  # noqa: F401
from services.customer.registry import registry

__all__ = ["registry"]
