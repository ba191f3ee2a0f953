"""The periodic job that expires coupons."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import clock, jobs
from libs.chassis.db import locked_scalar
from services.billing.coupons.tables import Coupon
from services.billing.registry import registry

BATCH_SIZE = 500


@registry.every(seconds=60)
def expire_coupons() -> None:
    """Mark coupons whose validity has ended, the longest ended first; a failing one does not block the others."""
    due = select(Coupon.id).where(Coupon.state == "issued", Coupon.valid_until <= clock.now())
    jobs.for_each("expire_coupons", due.order_by(Coupon.valid_until).limit(BATCH_SIZE), _expire)


def _expire(coupon_id: str) -> None:
    coupon = locked_scalar(select(Coupon).where(Coupon.id == coupon_id, Coupon.state == "issued"))
    if coupon is not None:  # else it was used since it was selected
        coupon.change_state("expired")
