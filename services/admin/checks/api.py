"""The result of an own checking order, and its photos."""

from __future__ import annotations

from typing import Any

from libs.chassis.idempotency import stable_id
from libs.chassis.security import principal
from services.admin.checks import checks, photos
from services.admin.checks.rules import Check, ProductCheck
from services.admin.checks.schemas import CheckPhotoUploadSchema
from services.admin.work.schemas import WorkOrderSchema


def record_check(work_order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    products = [ProductCheck(**product) for product in body.get("products", [])]
    check = Check(body.get("result"), products, body.get("notes"), body.get("photo_ids", []))
    return dict(WorkOrderSchema().dump(checks.record(work_order_id, principal().subject, check)))


def create_check_photo_upload(work_order_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    photo = photos.announce(
        work_order_id, principal().subject, stable_id("pho"), body["content_type"], body["size"]
    )
    return dict(CheckPhotoUploadSchema().dump(photo)), 201
