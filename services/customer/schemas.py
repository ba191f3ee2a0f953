"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.customer.donation_photos import address_of, form_of
from services.customer.models import BuyingOrder, DonatingItem, DonatingOrder, ReturnBuyingOrder
from services.customer.returned_items import result_of


class ProfileSchema(Schema):
    id = fields.String()
    full_name = fields.String()
    body_sizes = fields.Raw()
    preferences = fields.Raw()
    consents = fields.Raw()
    created_at = fields.Function(lambda customer: rfc3339(customer.created_at))


class ItemSchema(Schema):
    product_id = fields.String()
    title = fields.String()
    price = fields.Function(lambda item: item.price.to_dict())


class TimelineEntrySchema(Schema):
    state = fields.String()
    at = fields.Function(lambda entry: rfc3339(entry.at))


class RefundSchema(Schema):
    id = fields.String()
    return_id = fields.String(allow_none=True)
    amount = fields.Function(lambda refund: refund.money.to_dict())
    method = fields.String()
    made_at = fields.Function(lambda refund: rfc3339(refund.made_at))


def _location(order: BuyingOrder) -> dict[str, str]:
    return {
        "id": order.pickup_location_id,
        "name": order.pickup_location_name,
        "time_zone": order.pickup_time_zone,
    }


class BuyingOrderSchema(Schema):
    id = fields.String()
    buyer_id = fields.String()
    state = fields.String()
    items = fields.List(fields.Nested(ItemSchema))
    total = fields.Function(lambda order: order.total.to_dict())
    pickup_location = fields.Function(_location)
    placed_at = fields.Function(lambda order: rfc3339(order.placed_at))
    expires_at = fields.Function(lambda order: rfc3339(order.expires_at))
    paid_at = fields.Function(lambda order: rfc3339(order.paid_at))
    payment_id = fields.String(allow_none=True)
    pick_up_until = fields.Function(lambda order: rfc3339(order.pick_up_until))
    return_until = fields.Function(lambda order: rfc3339(order.return_until))
    cancel_reason = fields.String(allow_none=True)
    refunds = fields.List(fields.Nested(RefundSchema))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))


def _returned_items(made: ReturnBuyingOrder) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ItemSchema(many=True).dump(made.items)
    checks = ({"result": result_of(made, item), "reason": item.check_reason} for item in made.items)
    return [item | check for item, check in zip(items, checks, strict=True)]


class BuyingReturnSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    buyer_id = fields.String()
    state = fields.String()
    items = fields.Function(_returned_items)
    reason = fields.String(allow_none=True)
    price = fields.Function(lambda made: made.price.to_dict())
    refund = fields.Function(lambda made: made.refund.to_dict() if made.refund else None)
    location = fields.Function(lambda made: {"id": made.location_id, "name": made.location_name})
    box = fields.Function(lambda made: {"id": made.box_id, "label": made.box_label})
    deposit_until = fields.Function(lambda made: rfc3339(made.deposit_until))
    is_whole_order = fields.Boolean()
    is_given_up = fields.Boolean()
    created_at = fields.Function(lambda made: rfc3339(made.created_at))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))


class OrderWorkSchema(Schema):
    work_order_id = fields.String()
    kind = fields.String()
    state = fields.String()
    assignee_id = fields.String(allow_none=True)
    tracking_code = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    changed_at = fields.Function(lambda work: rfc3339(work.changed_at))


def _payment(order: BuyingOrder) -> dict[str, Any] | None:
    if order.payment_id is None:
        return None
    return {"id": order.payment_id, "amount": order.total.to_dict(), "taken_at": rfc3339(order.paid_at)}


class WholeBuyingOrderSchema(BuyingOrderSchema):
    """One order with all that is known of it; `work` and `returns` come beside it."""

    payment = fields.Function(_payment)
    is_first = fields.Boolean()


class RankedBuyerSchema(Schema):
    customer_id = fields.String()
    full_name = fields.String(allow_none=True)
    orders = fields.Integer()
    total = fields.Function(lambda row: {"amount": int(row.amount), "currency": row.currency})


class RankedDonorSchema(Schema):
    customer_id = fields.String()
    full_name = fields.String(allow_none=True)
    orders = fields.Integer()
    pieces = fields.Integer()


class DonationPhotoSchema(Schema):
    id = fields.String()
    url = fields.Function(address_of)
    width = fields.Integer()
    height = fields.Integer()


class DonationUploadSchema(Schema):
    photo_id = fields.String(attribute="id")
    upload = fields.Function(form_of)
    expires_at = fields.Function(lambda photo: rfc3339(photo.expires_at))


def _uploaded_photos(item: DonatingItem) -> Any:
    return DonationPhotoSchema(many=True).dump([photo for photo in item.photos if photo.is_uploaded])


class DonatingItemSchema(Schema):
    id = fields.String()
    category = fields.String()
    size = fields.String()
    brand = fields.String(allow_none=True)
    colour = fields.String(allow_none=True)
    condition = fields.String()
    story = fields.String(allow_none=True)
    photos = fields.Function(_uploaded_photos)
    product_id = fields.String(allow_none=True)
    is_sold = fields.Boolean()


def _drop_off_location(order: Any) -> dict[str, str] | None:
    return {"id": order.location_id, "name": order.location_name} if order.location_id else None


def _box(order: DonatingOrder) -> dict[str, Any] | None:
    if order.box_id is None:
        return None
    return {"id": order.box_id, "label": order.box_label, "held_until": rfc3339(order.held_until)}


class DonatingOrderSchema(Schema):
    id = fields.String()
    donor_id = fields.String()
    state = fields.String()
    items = fields.List(fields.Nested(DonatingItemSchema))
    location = fields.Function(_drop_off_location)
    box = fields.Function(_box)
    check_result = fields.String(allow_none=True)
    created_at = fields.Function(lambda order: rfc3339(order.created_at))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))


class DonationReturnSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    donor_id = fields.String()
    state = fields.String()
    location = fields.Function(_drop_off_location)
    created_at = fields.Function(lambda made: rfc3339(made.created_at))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))
