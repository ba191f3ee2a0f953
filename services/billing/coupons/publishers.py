"""The event of an issued coupon."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import CouponIssued
from services.billing.coupons.tables import Coupon
from services.billing.registry import registry


def publish_issued(coupon: Coupon) -> None:
    data = CouponIssued(
        coupon_id=coupon.id,
        person_id=coupon.person_id,
        order_id=coupon.order_id,
        value=coupon.value.to_dict(),
        valid_until=clock.rfc3339(coupon.valid_until),
    )
    registry.publish("billing.coupon.issued.v1", subject=coupon.id, data=data, version=coupon.version)
