"""Own coupons, and what staff do with all of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from libs.chassis import audit
from libs.chassis.idempotency import stable_id
from libs.chassis.money import Money
from libs.chassis.pagination import page
from libs.chassis.security import principal
from libs.chassis.system_settings import setting
from services.billing import coupons
from services.billing.models import Coupon
from services.billing.schemas import CouponSchema, GivenCouponSchema


def list_coupons(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    own = select(Coupon).where(Coupon.person_id == principal().subject)
    return _page(own, CouponSchema(), limit, cursor)


def list_all_coupons(
    state: str | None = None,
    person_id: str | None = None,
    order_id: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    chosen = select(Coupon)
    wanted = {Coupon.state: state, Coupon.person_id: person_id, Coupon.order_id: order_id}
    for column, value in wanted.items():
        if value is not None:
            chosen = chosen.where(column == value)
    return _page(chosen, GivenCouponSchema(), limit, cursor)


def _page(chosen: Select[Any], schema: CouponSchema, limit: int, cursor: str | None) -> dict[str, Any]:
    return page(
        chosen,
        order_by=[(Coupon.given_at, "desc"), (Coupon.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=schema.dump,
    )


def assign_coupon(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    default = {"amount": setting("billing.coupon_value"), "currency": setting("billing.currency")}
    coupon = coupons.assign(
        stable_id("cpn"),
        body["person_id"],
        Money.from_dict(body.get("value", default)),
        body.get("valid_days", setting("billing.coupon_valid_days")),
        note=body["note"],
        given_by=principal().subject,
    )
    audit.record("assign_coupon", coupon.id, after=body | {"value": coupon.value.to_dict()})
    return GivenCouponSchema().dump(coupon), 201


def redeem_coupon(body: dict[str, Any]) -> dict[str, Any]:
    coupon = coupons.redeem(body["code"], principal().subject)
    audit.record("redeem_coupon", coupon.id, before={"state": "given"}, after={"state": coupon.state})
    used: dict[str, Any] = GivenCouponSchema().dump(coupon)
    return used
