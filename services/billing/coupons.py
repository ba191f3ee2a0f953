"""Off-line coupons: given by themselves for bad clothes that were recycled, or by a manager; used in a shop."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock, jobs
from libs.chassis.db import locked_scalar, session
from libs.chassis.deadlines import end_of_day
from libs.chassis.ids import new_id
from libs.chassis.money import Money
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from libs.chassis.system_settings import setting
from services.billing import coins
from services.billing.coupon_codes import new_code, read_code
from services.billing.models import Coupon
from services.billing.registry import registry

AT_ONCE = 500
MOVES: dict[str, frozenset[str]] = {
    "given": frozenset({"used", "expired", "void"}),
    "used": frozenset(),
    "expired": frozenset(),
    "void": frozenset(),
}


class CouponNotUsable(Conflict):
    slug, title = "coupon-not-usable", "The coupon cannot be used in its present state"


class WrongCode(Unprocessable):
    slug, title = "coupon-code-wrong", "That is not the code of a coupon"


def move(coupon: Coupon, state: str) -> None:
    """Bring a coupon into another state; CouponNotUsable when the table above does not have that."""
    if state not in MOVES[coupon.state]:
        raise CouponNotUsable(f"the coupon is {coupon.state}")
    coupon.state = state


def give_for_hand_over(order_id: str, person_id: str) -> None:
    """The coupon for a bad donation that left for the factory, once; none when the setting is 0."""
    value = Money(setting("billing.coupon_value"), setting("billing.currency"))
    if value.amount:
        until = valid_for(setting("billing.coupon_valid_days"))
        _give(new_id("cpn"), f"hand_over:{order_id}", person_id, value, until, order_id=order_id)


def assign(coupon_id: str, person_id: str, value: Money, valid_days: int, *, note: str, given_by: str) -> Coupon:
    """A manager's gift (stories mf-eu-04, mf-oc-03); NoSuchCustomer, Unprocessable."""
    coins.refuse_stranger(person_id)
    _refuse_value(value)
    until = valid_for(valid_days)
    return _give(coupon_id, f"assigned:{coupon_id}", person_id, value, until, note=note, given_by=given_by)


def _refuse_value(value: Money) -> None:
    if value.currency != setting("billing.currency"):
        detail = f"coupons are in {setting('billing.currency')}"
        raise Unprocessable(detail, errors=[{"pointer": "/value/currency", "detail": detail}])
    if value.amount < 1:
        detail = "a coupon is worth at least 1 minor unit"
        raise Unprocessable(detail, errors=[{"pointer": "/value/amount", "detail": detail}])


def valid_for(days: int) -> datetime:
    return end_of_day(clock.now(), days)


def _give(
    coupon_id: str,
    key: str,
    person_id: str,
    value: Money,
    valid_until: datetime,
    *,
    order_id: str | None = None,
    note: str | None = None,
    given_by: str | None = None,
) -> Coupon:
    known = session().scalar(select(Coupon).where(Coupon.unique_key == key))
    if known is not None:
        return known
    coupon = Coupon(
        id=coupon_id,
        unique_key=key,
        code=new_code(),
        person_id=person_id,
        order_id=order_id,
        state="given",
        amount=value.amount,
        currency=value.currency,
        note=note,
        given_by=given_by,
        given_at=clock.now(),
        valid_until=valid_until,
    )
    session().add(coupon)
    session().flush()
    data = {
        "coupon_id": coupon.id,
        "person_id": person_id,
        "order_id": order_id,
        "value": value.to_dict(),
        "valid_until": clock.rfc3339(valid_until),
    }
    registry.publish("billing.coupon.issued.v1", subject=coupon.id, data=data, version=coupon.version)
    return coupon


def redeem(code: str, used_by: str) -> Coupon:
    """Mark a coupon as used, once (story mf-oc-02); WrongCode, NotFound, CouponNotUsable."""
    try:
        stored = read_code(code)
    except ValueError:
        detail = "the check sign does not fit; read the code again"
        raise WrongCode(detail, errors=[{"pointer": "/code", "detail": detail}]) from None
    coupon = locked_scalar(select(Coupon).where(Coupon.code == stored))
    if coupon is None:
        raise NotFound("there is no coupon with this code")
    use(coupon, used_by, clock.now())
    return coupon


def use(coupon: Coupon, used_by: str, now: datetime) -> None:
    """Mark it as used; CouponNotUsable from its last moment on, although it may not be marked as expired yet."""
    if coupon.state == "given" and coupon.valid_until <= now:
        raise CouponNotUsable("the coupon is expired")
    move(coupon, "used")
    coupon.used_at, coupon.used_by = now, used_by


def void_of(order_id: str) -> None:
    """Take back the unused coupons of a donation that went back to its donor."""
    given = select(Coupon).where(Coupon.order_id == order_id, Coupon.state == "given").with_for_update()
    for coupon in session().scalars(given):
        move(coupon, "void")


def expire_due() -> None:
    """Mark the coupons whose time is over, the longest expired first; one that fails does not block the others."""
    over = select(Coupon.id).where(Coupon.state == "given", Coupon.valid_until <= clock.now())
    jobs.for_each("expire_coupons", over.order_by(Coupon.valid_until).limit(AT_ONCE), _expire)


def _expire(coupon_id: str) -> None:
    coupon = locked_scalar(select(Coupon).where(Coupon.id == coupon_id, Coupon.state == "given"))
    if coupon is not None:  # it may have been used meanwhile
        move(coupon, "expired")
