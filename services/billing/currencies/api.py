"""The currencies of stored amounts."""

from __future__ import annotations

from sqlalchemy import select, union

from libs.chassis.db import session
from services.billing.coupons.tables import Coupon
from services.billing.fees.tables import Fee
from services.billing.payments.tables import Payment
from services.billing.payouts.tables import Payout


def get_amount_currencies() -> dict[str, list[str]]:
    """ISO 4217 codes in alphabetical order. Reads whole tables: only for the rare change of the currency."""
    tables = (Payment, Fee, Coupon, Payout)
    return {"currencies": sorted(session().scalars(union(*(select(table.currency) for table in tables))))}
