"""The base of the billing service's tables, and the one import of all modules that define them."""

from __future__ import annotations

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of this service's tables."""


# The tables register themselves with `Base`, so these imports follow it.
import services.billing.coins.tables  # noqa: E402
import services.billing.coupons.tables  # noqa: E402
import services.billing.donations.tables  # noqa: E402
import services.billing.fees.tables  # noqa: E402
import services.billing.ledger.tables  # noqa: E402
import services.billing.payments.tables  # noqa: E402
import services.billing.payouts.tables  # noqa: E402
import services.billing.provider.tables  # noqa: E402
import services.billing.purchases.tables  # noqa: E402
import services.billing.reconciliation.tables  # noqa: E402
import services.billing.refunds.tables  # noqa: E402, F401
