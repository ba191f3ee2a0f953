"""A customer's own coupons; issuing, listing and redeeming coupons as staff."""

from __future__ import annotations

from typing import Any

from libs.chassis import audit
from libs.chassis.idempotency import stable_id
from libs.chassis.money import Money
from libs.chassis.security import principal
from libs.chassis.system_settings import setting
from services.billing.coupons import issuing, redemption
from services.billing.coupons.schemas import CouponSchema, MonitoredCouponSchema
from services.billing.coupons.tables import Coupon
from services.billing.pages import list_newest_first


def list_coupons(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = {Coupon.person_id: principal().subject}
    return list_newest_first(Coupon.issued_at, own, CouponSchema(), limit, cursor)


def list_all_coupons(
    state: str | None = None,
    person_id: str | None = None,
    order_id: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    filters = {Coupon.state: state, Coupon.person_id: person_id, Coupon.order_id: order_id}
    return list_newest_first(Coupon.issued_at, filters, MonitoredCouponSchema(), limit, cursor)


def assign_coupon(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    default = {"amount": setting("billing.coupon_value"), "currency": setting("billing.currency")}
    coupon = issuing.assign(
        stable_id("cpn"),
        body["person_id"],
        Money.from_dict(body.get("value", default)),
        body.get("valid_days", setting("billing.coupon_valid_days")),
        note=body["note"],
        issued_by=principal().subject,
    )
    audit.record("assign_coupon", coupon.id, after=body | {"value": coupon.value.to_dict()})
    return MonitoredCouponSchema().dump(coupon), 201


def redeem_coupon(body: dict[str, Any]) -> dict[str, Any]:
    coupon = redemption.redeem(body["code"], principal().subject)
    audit.record("redeem_coupon", coupon.id, before={"state": "issued"}, after={"state": coupon.state})
    return dict(MonitoredCouponSchema().dump(coupon))
