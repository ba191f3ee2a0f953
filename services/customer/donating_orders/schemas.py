"""The JSON of donating orders, their items and photos."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.customer.donating_orders.photos import build_upload_form, sign_url
from services.customer.donating_orders.tables import DonatingItem, DonatingOrder
from services.customer.schemas import TimelineEntrySchema, dump_location


class DonationPhotoSchema(Schema):
    id = fields.String()
    url = fields.Function(sign_url)
    width = fields.Integer()
    height = fields.Integer()


class DonationPhotoUploadSchema(Schema):
    photo_id = fields.String(attribute="id")
    upload = fields.Function(build_upload_form)
    expires_at = fields.Function(lambda photo: rfc3339(photo.expires_at))


def _dump_uploaded_photos(item: DonatingItem) -> Any:
    return DonationPhotoSchema(many=True).dump([photo for photo in item.photos if photo.is_uploaded])


class DonatingItemSchema(Schema):
    id = fields.String()
    category = fields.String()
    size = fields.String()
    brand = fields.String(allow_none=True)
    colour = fields.String(allow_none=True)
    condition = fields.String()
    story = fields.String(allow_none=True)
    photos = fields.Function(_dump_uploaded_photos)
    product_id = fields.String(allow_none=True)
    is_sold = fields.Boolean()


def _dump_box(order: DonatingOrder) -> dict[str, Any] | None:
    if order.box_id is None:
        return None
    return {"id": order.box_id, "label": order.box_label, "held_until": rfc3339(order.held_until)}


class DonatingOrderSchema(Schema):
    id = fields.String()
    donor_id = fields.String()
    state = fields.String()
    items = fields.List(fields.Nested(DonatingItemSchema))
    location = fields.Function(dump_location)
    box = fields.Function(_dump_box)
    check_result = fields.String(allow_none=True)
    created_at = fields.Function(lambda order: rfc3339(order.created_at))
    timeline = fields.List(fields.Nested(TimelineEntrySchema))
