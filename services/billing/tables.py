"""The tables of the billing service: importing this module defines all of them in `Base.metadata`."""

from __future__ import annotations

import services.billing.coins.tables
import services.billing.coupons.tables
import services.billing.donations.tables
import services.billing.fees.tables
import services.billing.ledger.tables
import services.billing.payments.tables
import services.billing.payouts.tables
import services.billing.provider.tables
import services.billing.purchases.tables
import services.billing.reconciliation.tables
import services.billing.refunds.tables  # noqa: F401
from services.billing.base import Base

__all__ = ["Base"]
