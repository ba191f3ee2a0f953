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

registry.publishes(
    "billing.payment.authorized.v1",
    "billing.payment.captured.v1",
    "billing.payment.voided.v1",
    "billing.refund.completed.v1",
    "billing.coins.recorded.v1",
    "billing.coupon.issued.v1",
    "billing.fee.due.v1",
    "billing.fee.paid.v1",
    "billing.payout.due.v1",
    "billing.payout.voided.v1",
    "billing.audit.recorded.v1",
)
