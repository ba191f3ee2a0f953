"""Issuing off-line coupons, for bad clothes that were recycled or by a manager, and voiding unused ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.deadlines import end_of_day
from libs.chassis.ids import new_id
from libs.chassis.money import Money
from libs.chassis.problems import Unprocessable
from libs.chassis.system_settings import setting
from services.billing.coins.coin_ledger import require_customer
from services.billing.coupons import publishers
from services.billing.coupons.codes import new_code
from services.billing.coupons.rules import LIFECYCLE
from services.billing.coupons.tables import Coupon


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


def void_unused(order_id: str) -> None:
    """Void the unused coupons of a donation that was cancelled or returned to its donor."""
    unused = select(Coupon).where(Coupon.order_id == order_id, Coupon.state == "issued").with_for_update()
    for coupon in session().scalars(unused):
        coupon.change_state("void")
