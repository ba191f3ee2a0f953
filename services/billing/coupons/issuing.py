"""Issuing off-line coupons, for bad clothes that were recycled or by a manager, and redeeming them in a shop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.deadlines import end_of_day
from libs.chassis.ids import new_id
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.system_settings import setting
from services.billing.coins.coin_ledger import require_customer
from services.billing.coupons import publishers
from services.billing.coupons.codes import new_code, read_code
from services.billing.coupons.rules import LIFECYCLE
from services.billing.coupons.tables import Coupon


class CouponNotUsable(Conflict):
    slug, title = "coupon-not-usable", "The coupon cannot be used in its present state"


class WrongCode(Unprocessable):
    slug, title = "coupon-code-wrong", "That is not the code of a coupon"


def issue_for_handover(order_id: str, person_id: str) -> None:
    """Issue one coupon for a bad donation that was handed over to a factory; none when the setting is 0."""
    value = Money(setting("billing.coupon_value"), setting("billing.currency"))
    if value.amount:
        valid_days = setting("billing.coupon_valid_days")
        _issue(new_id("cpn"), f"handover:{order_id}", person_id, value, valid_days, order_id=order_id)


def assign(coupon_id: str, person_id: str, value: Money, valid_days: int, *, note: str, issued_by: str) -> Coupon:
    """Issue a coupon as a manager (stories mf-eu-04, mf-oc-03); NoSuchCustomer, Unprocessable."""
    require_customer(person_id)
    _validate_value(value)
    key = f"assigned:{coupon_id}"
    return _issue(coupon_id, key, person_id, value, valid_days, note=note, issued_by=issued_by)


def _validate_value(value: Money) -> None:
    if value.currency != setting("billing.currency"):
        detail = f"coupons are in {setting('billing.currency')}"
        raise Unprocessable(detail, errors=[{"pointer": "/value/currency", "detail": detail}])
    if value.amount < 1:
        detail = "a coupon is worth at least 1 minor unit"
        raise Unprocessable(detail, errors=[{"pointer": "/value/amount", "detail": detail}])


def _issue(coupon_id: str, key: str, person_id: str, value: Money, valid_days: int, **details: Any) -> Coupon:
    """Issue one coupon for `key`, or return the existing one."""
    existing = session().scalar(select(Coupon).where(Coupon.unique_key == key))
    if existing is not None:
        return existing
    now = clock.now()
    coupon = Coupon(
        id=coupon_id,
        unique_key=key,
        code=new_code(),
        person_id=person_id,
        state=LIFECYCLE.initial,
        amount=value.amount,
        currency=value.currency,
        issued_at=now,
        valid_until=end_of_day(now, valid_days),
        **details,
    )
    session().add(coupon)
    session().flush()
    publishers.publish_issued(coupon)
    return coupon


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


def void_unused(order_id: str) -> None:
    """Void the unused coupons of a donation that was cancelled or returned to its donor."""
    unused = select(Coupon).where(Coupon.order_id == order_id, Coupon.state == "issued").with_for_update()
    for coupon in session().scalars(unused):
        coupon.change_state("void")
