"""Redeeming off-line coupons in a shop."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.billing.coupons.codes import read_code
from services.billing.coupons.rules import LIFECYCLE
from services.billing.coupons.tables import Coupon


class CouponNotUsable(Conflict):
    slug, title = "coupon-not-usable", "The coupon cannot be used in its present state"


class WrongCode(Unprocessable):
    slug, title = "coupon-code-wrong", "That is not the code of a coupon"


def redeem(code: str, used_by: str) -> Coupon:
    """Mark a coupon as used, once (story mf-oc-02); WrongCode, NotFound, CouponNotUsable."""
    try:
        stored_code = read_code(code)
    except ValueError:
        detail = "the check character is wrong; read the code again"
        raise WrongCode(detail, errors=[{"pointer": "/code", "detail": detail}]) from None
    coupon = locked_scalar(select(Coupon).where(Coupon.code == stored_code))
    if coupon is None:
        raise NotFound("there is no coupon with this code")
    mark_used(coupon, used_by, clock.now())
    return coupon


def mark_used(coupon: Coupon, used_by: str, now: datetime) -> None:
    """CouponNotUsable, also when the validity has ended and the job has not yet marked the coupon as expired."""
    if not LIFECYCLE.allows(coupon.state, "used"):
        raise CouponNotUsable(f"the coupon is {coupon.state}")
    if coupon.valid_until <= now:
        raise CouponNotUsable("the coupon is expired")
    coupon.change_state("used")
    coupon.used_at, coupon.used_by = now, used_by
