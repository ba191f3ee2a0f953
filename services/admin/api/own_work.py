"""Own work orders: each person sees and moves what is assigned to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.admin import check_photos, checks, work_orders, work_steps
from services.admin.checks import Check, ProductCheck
from services.admin.models import WorkOrder
from services.admin.schemas import CheckPhotoUploadSchema, WorkOrderSchema


def _list(kind: str, state: str | None, limit: int, cursor: str | None) -> dict[str, Any]:
    own = select(WorkOrder).where(WorkOrder.assignee_id == principal().subject, WorkOrder.kind == kind)
    return page(
        own if state is None else own.where(WorkOrder.state == state),
        order_by=[(WorkOrder.created_at, "desc"), (WorkOrder.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=WorkOrderSchema().dump,
    )


def _dumped(work_order: WorkOrder) -> dict[str, Any]:
    return dict(WorkOrderSchema().dump(work_order))


def _get(kind: str, work_order_id: str) -> dict[str, Any]:
    return _dumped(work_orders.get_own(kind, work_order_id, principal().subject))


def _start(kind: str, work_order_id: str) -> dict[str, Any]:
    return _dumped(work_steps.start(kind, work_order_id, principal().subject))


def _finish(kind: str, work_order_id: str) -> dict[str, Any]:
    return _dumped(work_steps.finish(kind, work_order_id, principal().subject))


def _fail(kind: str, work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _dumped(work_steps.fail(kind, work_order_id, principal().subject, body["reason"]))


def list_collecting_orders(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return _list("collecting", state, limit, cursor)


def get_collecting_order(work_order_id: str) -> dict[str, Any]:
    return _get("collecting", work_order_id)


def start_collecting_order(work_order_id: str) -> dict[str, Any]:
    return _start("collecting", work_order_id)


def finish_collecting_order(work_order_id: str) -> dict[str, Any]:
    return _finish("collecting", work_order_id)


def fail_collecting_order(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _fail("collecting", work_order_id, body)


def list_checking_orders(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return _list("checking", state, limit, cursor)


def get_checking_order(work_order_id: str) -> dict[str, Any]:
    return _get("checking", work_order_id)


def start_checking_order(work_order_id: str) -> dict[str, Any]:
    return _start("checking", work_order_id)


def fail_checking_order(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _fail("checking", work_order_id, body)


def list_own_packing_orders(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return _list("packing", state, limit, cursor)


def get_own_packing_order(work_order_id: str) -> dict[str, Any]:
    return _get("packing", work_order_id)


def start_own_packing_order(work_order_id: str) -> dict[str, Any]:
    return _start("packing", work_order_id)


def finish_own_packing_order(work_order_id: str) -> dict[str, Any]:
    return _finish("packing", work_order_id)


def fail_own_packing_order(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _fail("packing", work_order_id, body)


def list_shipping_orders(state: str | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return _list("shipping", state, limit, cursor)


def get_shipping_order(work_order_id: str) -> dict[str, Any]:
    return _get("shipping", work_order_id)


def start_shipping_order(work_order_id: str) -> dict[str, Any]:
    return _start("shipping", work_order_id)


def finish_shipping_order(work_order_id: str) -> dict[str, Any]:
    return _finish("shipping", work_order_id)


def fail_shipping_order(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return _fail("shipping", work_order_id, body)


def record_check(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    products = [ProductCheck(**said) for said in body.get("products", [])]
    check = Check(body.get("result"), products, body.get("notes"), body.get("photo_ids", []))
    return _dumped(checks.record(work_order_id, principal().subject, check))


def create_check_photo_upload(work_order_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    photo = check_photos.promise(
        work_order_id, principal().subject, stable_id("pho"), body["content_type"], body["size"]
    )
    return dict(CheckPhotoUploadSchema().dump(photo)), 201
