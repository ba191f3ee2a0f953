"""The JSON of the API's answers; what comes in is checked by the contract."""

from __future__ import annotations

from marshmallow import Schema, fields

from libs.chassis.clock import rfc3339
from libs.chassis.uploads import create_form
from services.admin import packing_orders
from services.admin.check_photos import address_of, photo_bucket
from services.admin.employees import kinds_of, load_of
from services.admin.models import OrderAtWork, WorkOrder


def _code(order: OrderAtWork) -> str | None:
    return order.package.tracking_code if order.package else None


class PackingOrderSchema(Schema):
    """A work order as the packing order of its one buying order."""

    id = fields.Function(packing_orders.public_id)
    order_id = fields.Function(lambda work_order: work_order.orders[0].order_id)
    state = fields.String()
    items = fields.Function(lambda work_order: work_order.orders[0].contents)
    pickup_location_id = fields.String(attribute="location_id")
    assignee_id = fields.String(allow_none=True)
    tracking_code = fields.Function(lambda work_order: _code(work_order.orders[0]))
    created_at = fields.Function(lambda work_order: rfc3339(work_order.created_at))


class OrderAtWorkSchema(Schema):
    order_id = fields.String()
    donation_id = fields.String(allow_none=True)
    box_id = fields.String(allow_none=True)
    contents = fields.Raw()
    package_id = fields.Function(lambda order: order.package.id if order.package else None)
    tracking_code = fields.Function(_code)
    scanned_at = fields.Function(lambda order: rfc3339(order.scanned_at))
    dropped_at = fields.Function(lambda order: rfc3339(order.dropped_at))


def _photos(work_order: WorkOrder) -> list[dict[str, str]]:
    return [{"id": photo["id"], "url": address_of(photo["key"])} for photo in work_order.photo_keys]


class CheckPhotoUploadSchema(Schema):
    photo_id = fields.String(attribute="id")
    upload = fields.Function(lambda photo: create_form(photo_bucket(), photo))
    expires_at = fields.Function(lambda photo: rfc3339(photo.expires_at))


class WorkOrderSchema(Schema):
    id = fields.String()
    kind = fields.String()
    state = fields.String()
    assignee_id = fields.String(allow_none=True)
    location_id = fields.String(allow_none=True)
    location_name = fields.String(allow_none=True)
    orders = fields.List(fields.Nested(OrderAtWorkSchema))
    result = fields.String(allow_none=True)
    notes = fields.String(allow_none=True)
    photos = fields.Function(_photos)
    reason = fields.String(allow_none=True)
    created_at = fields.Function(lambda work_order: rfc3339(work_order.created_at))
    changed_at = fields.Function(lambda work_order: rfc3339(work_order.changed_at))


class PackageSchema(Schema):
    id = fields.String()
    order_id = fields.String()
    tracking_code = fields.String()
    result = fields.String(allow_none=True)
    checked_at = fields.Function(lambda package: rfc3339(package.checked_at))
    hand_over_id = fields.String(allow_none=True)
    created_at = fields.Function(lambda package: rfc3339(package.created_at))


class FactorySchema(Schema):
    id = fields.String()
    name = fields.String()
    address = fields.String()
    email = fields.String(allow_none=True)
    is_active = fields.Boolean()
    created_at = fields.Function(lambda factory: rfc3339(factory.created_at))
    version = fields.Integer()


class HandOverSchema(Schema):
    id = fields.String()
    factory_id = fields.String()
    factory_name = fields.String()
    package_ids = fields.Function(lambda hand_over: [package.id for package in hand_over.packages])
    order_ids = fields.Function(lambda hand_over: [package.order_id for package in hand_over.packages])
    note = fields.String(allow_none=True)
    recorded_by = fields.String()
    created_at = fields.Function(lambda hand_over: rfc3339(hand_over.created_at))


class ReturnContactSchema(Schema):
    return_id = fields.String()
    contacted_at = fields.Function(lambda contact: rfc3339(contact.contacted_at))
    channel = fields.String()
    note = fields.String(allow_none=True)
    refund = fields.Function(lambda contact: contact.refund.to_dict())
    decided_by = fields.String()
    recorded_at = fields.Function(lambda contact: rfc3339(contact.recorded_at))


class EmployeeSchema(Schema):
    """An employee with the kinds of work that are given to them, and how much they have."""

    id = fields.String()
    full_name = fields.String()
    roles = fields.Raw()
    state = fields.String()
    areas = fields.Raw()
    kinds = fields.Function(kinds_of)
    are_kinds_by_role = fields.Function(lambda employee: employee.kinds is None)
    at_work = fields.Function(load_of)


class SettingSchema(Schema):
    name = fields.String(attribute="known.name")
    value = fields.Raw()
    default = fields.Raw(attribute="known.default")
    description = fields.String(attribute="known.description")
    updated_at = fields.Function(lambda setting: rfc3339(setting.updated_at))
    updated_by = fields.String(allow_none=True)
    version = fields.Integer()


class AuditEntrySchema(Schema):
    id = fields.String()
    domain = fields.String()
    actor_id = fields.String()
    actor_roles = fields.Raw()
    action = fields.String()
    target = fields.String()
    source_ip = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)
    request_id = fields.String()
    occurred_at = fields.Function(lambda entry: rfc3339(entry.occurred_at))
