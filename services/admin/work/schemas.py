"""The JSON of work orders."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from services.admin.checks.photos import photo_url
from services.admin.work import packing_orders
from services.admin.work.tables import IncludedOrder, WorkOrder


def _tracking_code(order: IncludedOrder) -> str | None:
    return order.package.tracking_code if order.package else None


def _photos(work_order: WorkOrder) -> list[dict[str, str]]:
    return [{"id": photo["id"], "url": photo_url(photo["key"])} for photo in work_order.photo_keys]


class IncludedOrderSchema(Schema):
    order_id = fields.String()
    donation_id = fields.String(allow_none=True)
    box_id = fields.String(allow_none=True)
    contents = fields.Raw()
    package_id = fields.Function(lambda order: order.package.id if order.package else None)
    tracking_code = fields.Function(_tracking_code)
    scanned_at = fields.Function(lambda order: rfc3339(order.scanned_at))
    removed_at = fields.Function(lambda order: rfc3339(order.removed_at))


class WorkOrderSchema(Schema):
    id = fields.String()
    kind = fields.String()
    state = fields.String()
    assignee_id = fields.String(allow_none=True)
    location_id = fields.String(allow_none=True)
    location_name = fields.String(allow_none=True)
    orders = fields.List(fields.Nested(IncludedOrderSchema))
    result = fields.String(allow_none=True)
    notes = fields.String(allow_none=True)
    photos = fields.Function(_photos)
    reason = fields.String(allow_none=True)
    created_at = fields.Function(lambda work_order: rfc3339(work_order.created_at))
    changed_at = fields.Function(lambda work_order: rfc3339(work_order.changed_at))


class PackingOrderSchema(Schema):
    """A work order as the packing order of its one buying order."""

    id = fields.Function(packing_orders.public_id)
    order_id = fields.Function(lambda work_order: work_order.orders[0].order_id)
    state = fields.String()
    items = fields.Function(lambda work_order: work_order.orders[0].contents)
    pickup_location_id = fields.String(attribute="location_id")
    assignee_id = fields.String(allow_none=True)
    tracking_code = fields.Function(lambda work_order: _tracking_code(work_order.orders[0]))
    created_at = fields.Function(lambda work_order: rfc3339(work_order.created_at))
