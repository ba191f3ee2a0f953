"""The currencies that billing has amounts in."""

from __future__ import annotations

from sqlalchemy import select, union

from libs.chassis.db import session
from services.billing.models import Coupon, Fee, Payment, Payout


def stored() -> list[str]:
    """ISO 4217 codes in alphabetical order. Reads whole tables; for the rare change of the currency only."""
    kinds = (Payment, Fee, Coupon, Payout)
    return sorted(session().scalars(union(*(select(kind.currency) for kind in kinds))))
