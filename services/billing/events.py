"""Import this module to register all handlers, jobs, consistency checks and state descriptions of billing."""

from __future__ import annotations

import services.billing.coins.events
import services.billing.consistency.checks
import services.billing.consistency.states
import services.billing.coupons.jobs
import services.billing.donations.events
import services.billing.ledger.jobs
import services.billing.purchases.events
import services.billing.reconciliation.jobs
import services.billing.settlement.jobs  # noqa: F401
from services.billing.registry import registry

__all__ = ["registry"]
