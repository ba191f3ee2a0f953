"""The JSON of buying orders."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.customer.buying_orders.tables import BuyingOrder
from services.customer.schemas import ProductItemSchema, TimelineEntrySchema


class RefundSchema(Schema):
    id = fields.String()
    return_id = fields.String(allow_none=True)
    amount = fields.Function(lambda refund: refund.money.to_dict())
    method = fields.String()
    completed_at = fields.Function(lambda refund: rfc3339(refund.completed_at))


def _dump_pickup_location(order: BuyingOrder) -> dict[str, str]:
    return {
        "id": order.pickup_location_id,
        "name": order.pickup_location_name,
        "time_zone": order.pickup_time_zone,
    }


class BuyingOrderSchema(Schema):
    id = fields.String()
    buyer_id = fields.String()
    state = fields.String()
    items = fields.List(fields.Nested(ProductItemSchema))
    total = fields.Function(lambda order: order.total.to_dict())
    pickup_location = fields.Function(_dump_pickup_location)
    placed_at = fields.Function(lambda order: rfc3339(order.placed_at))
    expires_at = fields.Function(lambda order: rfc3339(order.expires_at))
    paid_at = fields.Function(lambda order: rfc3339(order.paid_at))
    payment_id = fields.String(allow_none=True)
    pick_up_until = fields.Function(lambda order: rfc3339(order.pick_up_until))
    return_until = fields.Function(lambda order: rfc3339(order.return_until))
    cancel_reason = fields.String(allow_none=True)
    refunds = fields.List(fields.Nested(RefundSchema))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))


def _dump_payment(order: BuyingOrder) -> dict[str, Any] | None:
    if order.payment_id is None:
        return None
    return {"id": order.payment_id, "amount": order.total.to_dict(), "captured_at": rfc3339(order.paid_at)}


class WholeBuyingOrderSchema(BuyingOrderSchema):
    """An order for staff; the handler adds its `work` and `returns`."""

    payment = fields.Function(_dump_payment)
    is_first = fields.Boolean()


class OrderWorkSchema(Schema):
    work_order_id = fields.String()
    kind = fields.String()
    state = fields.String()
    assignee_id = fields.String(allow_none=True)
    tracking_code = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    changed_at = fields.Function(lambda work: rfc3339(work.changed_at))
