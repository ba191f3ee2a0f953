"""The JSON of coupons in responses."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339


class CouponSchema(Schema):
    """A coupon as its owner sees it."""

    id = fields.String()
    code = fields.String()
    state = fields.String()
    value = fields.Function(lambda coupon: coupon.value.to_dict())
    order_id = fields.String(allow_none=True)
    note = fields.String(allow_none=True)
    issued_at = fields.Function(lambda coupon: rfc3339(coupon.issued_at))
    valid_until = fields.Function(lambda coupon: rfc3339(coupon.valid_until))
    used_at = fields.Function(lambda coupon: rfc3339(coupon.used_at))


class MonitoredCouponSchema(CouponSchema):
    """A coupon as staff see it: with its owner, without its code, which is worth money until the coupon is used."""

    class Meta:
        exclude = ("code",)

    person_id = fields.String()
    issued_by = fields.String(allow_none=True)
    used_by = fields.String(allow_none=True)
